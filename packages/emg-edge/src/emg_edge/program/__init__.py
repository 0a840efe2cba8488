"""The integer program: what the quantiser writes and everything behind it reads."""
