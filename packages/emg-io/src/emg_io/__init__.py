"""Public sEMG data sets as typed recordings, with splits that cannot leak."""
