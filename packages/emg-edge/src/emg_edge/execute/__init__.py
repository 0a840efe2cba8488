"""Run a program by reference, on the host and on rv32, and compare bit for bit."""
