"""Analyses of a specimen: stiffness under a load, failure load, and apparent stiffness of the material.

Each analysis is a function in the module of its name (`solve.solve`, `strength.strength`, `homogenize.homogenize`). It
takes a specimen, a file or an array, and returns a result that says what was read, done and found, and how certainly.
"""
