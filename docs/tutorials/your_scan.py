# %% [markdown]
# # Your scan
#
# From a file to its structure, its stiffness, its strength, and the strain in every voxel. No biology yet.
#
# To have a file whose content is known, this page first writes one: a small synthetic block of vertebral bone. With
# your own scan, begin at `tf.read`.

# %%
import trabfem as tf

tf.generate("vertebra", seed=3, size=32).save("scan.npz")

# %% [markdown]
# ## Read
#
# Formats are told apart by their suffix: see [Read your file format](../howto/formats.md). A file with more than two
# values is taken as gray values and cut by Otsu's threshold unless you give one. What was done to the scan stands in
# the notes.

# %%
bone = tf.read("scan.npz")
bone

# %% [markdown]
# Bone that does not run from the bottom face to the top one carries no load. Solving leaves it out and says how much
# it was.
#
# ## Measure
#
# The indices have the names and definitions of Bouxsein et al. 2010; [Morphometry](../theory/morphometry.md) says how
# each is computed here and how large its error is.

# %%
tf.morphometry(bone)

# %% [markdown]
# ## Solve
#
# A load is an object. `tf.platens(strain=-0.01)` presses two bonded plates together by 1 % of the height; compression
# is negative.

# %%
solution = tf.solve(bone, tf.platens(strain=-0.01))
solution

# %% [markdown]
# Two numbers say how far to trust the rest. The *relative residual* is that of the equilibrium, recomputed in
# float64. The *energy error* is an estimate of the relative error of the energy, and so of force, stiffness and
# modulus. Neither knows anything about the error of the voxels themselves: compare the thickness of a strut with the
# size of a voxel.
#
# The fields are arrays on the voxels, with zeros in the marrow.

# %%
fields = solution.fields()
sorted(fields)

# %%
solution.plot()

# %% [markdown]
# `solution.save("solution.vti")` writes the fields for ParaView, in the place of the scan; `solution.to_pyvista()`
# gives them to Python.
#
# ## Strength
#
# Pistoia's criterion takes one linear solution: bone fails when 2 % of its tissue is strained beyond 0.7 %. It was
# fitted to whole radii, so read ratios between bones rather than single values.

# %%
tf.strength(bone)

# %% [markdown]
# ## Stiffness in all directions
#
# Six load cases give the 6 × 6 apparent stiffness. The boundary conditions matter: see
# [Homogenisation](../theory/homogenisation.md).

# %%
tf.homogenize(bone)

# %% [markdown]
# ## On the command line
#
# ```sh
# trabfem morphometry scan.npz
# trabfem solve scan.npz --load platens --strain -0.01
# trabfem strength scan.npz --method pistoia
# trabfem homogenize scan.npz --bc kubc --json
# ```
#
# Next: [a treatment question](treatment_question.md).
