"""The scaled sEMG Transformers: one family of sizes, from raw signals of both wrists to characters."""
