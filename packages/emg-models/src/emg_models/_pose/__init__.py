"""The baselines of emg2pose, joint angles of a hand from surface EMG.

SensingDynamics, a third baseline in the tables of emg2pose, is not here: its results are published with the others, but
our sources say nothing of its layers, so a network of that name would be invented.
"""
