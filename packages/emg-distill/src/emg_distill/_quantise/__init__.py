"""Training through integer arithmetic: fake quantisation on the integer compiler's grid."""
