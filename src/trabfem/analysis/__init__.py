"""Questions asked of a specimen: how stiff it is, under which load it fails, what it is like as a material.

Each question is a function in the module of its name (`solve.solve`, `strength.strength`, `homogenize.homogenize`). It
takes a specimen, a file or an array, and returns a result that says what was read, done and found, and how certainly.
"""
