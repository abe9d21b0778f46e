# %% [markdown]
# # Your scan
#
# From a file to its structure, its stiffness, its strength, and the stress in every voxel. No biology yet.
#
# To have a file whose content is known, this page first writes one: a small synthetic block of vertebral bone. With
# your own scan, begin at `tf.read`.

# %%
import numpy as np

import trabfem as tf

made = tf.generate("vertebra", seed=3, size=32).save("scan.npz")

# %% [markdown]
# ## Read
#
# Formats are told apart by their suffix: see [Read your file format](../howto/formats.md). A file with more than two
# values is taken as gray values and cut by Otsu's threshold unless you give one. What was done to the scan stands in
# the notes.

# %%
bone = tf.read("scan.npz")
bone

# %%
bone.plot()

# %% [markdown]
# Look at it before anything else: noise that became bone, struts that a threshold has cut, a wrong spacing, an axis
# that is not the one of the load. Bone that does not run from the bottom face to the top one carries no load. Solving
# leaves it out and says how much it was.
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
# is negative, and so is the force that answers it.

# %%
solution = tf.solve(bone, tf.platens(strain=-0.01))
solution

# %% [markdown]
# Two numbers say how far to trust the rest. The *residual* is that of the equilibrium, recomputed in float64. The
# column *error* is what the solver's estimate of the energy leaves open of force, stiffness and modulus. Neither knows
# anything about the error of the voxels themselves: compare the thickness of a strut with the size of a voxel.
#
# Where the load goes:

# %%
solution.plot(field="von_mises")

# %% [markdown]
# A few struts along the load carry most of it. The fields are arrays on the voxels, with zeros in the marrow:

# %%
fields = solution.fields()
fields

# %%
median, high = np.quantile(fields["von_mises"][bone.mask], [0.5, 0.95])
print(f"von Mises stress: median {median:.0f}, 95th percentile {high:.0f} MPa")

# %% [markdown]
# `solution.save("solution.vti")` writes them for ParaView, in the place of the scan; `solution.to_pyvista()` gives them
# to Python.
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
# Six load cases give the 6 × 6 apparent stiffness. The boundary conditions matter: the usual ones, KUBC, are an upper
# bound, and for a block only a pore or two wide they are far above the others. See
# [Homogenisation](../theory/homogenisation.md).

# %%
stiffness = tf.homogenize(bone)
stiffness

# %%
stiffness.plot()

# %% [markdown]
# Of the axes of the scan, z is the stiffest, along which the body loads a vertebra. The *best frame* is the one in
# which the block is nearest to orthotropic; this block was cut at an angle to it.
#
# ## On the command line
#
# ```sh
# trabfem morphometry scan.npz
# trabfem solve scan.npz --load platens --strain -0.01 --out fields.vti
# trabfem strength scan.npz --method pistoia
# trabfem homogenize scan.npz --bc kubc --json
# ```
#
# Next: [a treatment question](treatment_question.md).
