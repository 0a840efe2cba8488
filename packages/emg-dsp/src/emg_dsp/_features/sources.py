"""Papers that define more than one feature."""

HUDGINS = "Hudgins, Parker and Scott, IEEE Trans. Biomed. Eng. 40(1), 1993, doi:10.1109/10.204774"
PHINYOMARK = "Phinyomark, Phukpattaranont and Limsakul, Expert Syst. Appl. 39(8), 2012, doi:10.1016/j.eswa.2012.01.102"
