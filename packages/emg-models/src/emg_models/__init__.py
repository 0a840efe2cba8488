"""TinyMyo and the field's other sEMG architectures: exact, tested, exportable."""
