# %% [markdown]
# # A first study
#
# A small block of vertebral bone, a woman at menopause, two arms: no treatment, and denosumab. At the end there is a
# table with bands, a picture of the bone, and a folder that can be opened again. On two cores it takes under a minute.
#
# Everything starts from one import. It loads nothing heavy; modules are imported when they are first used.

# %%
import trabfem as tf

# %% [markdown]
# ## The bone
#
# `tf.read` takes a file, or the name of a specimen that comes with the package. `vertebra_64` is synthetic: it was
# grown to have the structure of a vertebra. Here a cube of 28 voxels is cut from its middle, which is far too small
# for a result and just right for learning.

# %%
bone = tf.read("vertebra_64", crop=28)
bone

# %% [markdown]
# Everything that was done to a scan stands in its notes. A result shows itself like this wherever it is the last line
# of a notebook's cell, and most of them have a picture. The cut has set small pieces loose; they carry no load, and the
# study below leaves them out and says so.

# %%
bone.plot()

# %% [markdown]
# The structure, by the field's own names:

# %%
tf.morphometry(bone)

# %% [markdown]
# A strut is 0.148 mm thick, some four voxels. That is about the least that voxels resolve well: see
# [Limits](../limits.md).
#
# ## The patient and the arms
#
# An *arm* is a name and a schedule. A schedule says what is taken from which month to which, counted from month 0,
# the day of the scan; an empty one is no treatment. The first arm is the one that the others are compared with.

# %%
woman = tf.Patient("female", age=50, menopause_age=51)
arms = {"Untreated": "", "Denosumab": "denosumab 0-12"}

# %% [markdown]
# ## The comparison
#
# Bone turns over in single pits at places drawn at random, so one run is one draw. `members=2` runs every arm twice,
# each time with other places and with another draw of the cell model's parameters. Real studies use eight or more.
# `out` is the folder that keeps everything; where it is left out, nothing is written, and the bones of the first and
# the last month are kept in memory. While it runs, a bar shows how far it is.

# %%
study = tf.compare(
    bone,
    woman,
    arms,
    years=0.5,
    members=2,
    out="study",
    name="A first study",
)
study

# %% [markdown]
# Each number is a change from month 0, the mean over the members; nine in ten further members would fall within the
# band below it. The second table compares the arms member by member: the same places and the same draw with and
# without the drug, so that much of the chance cancels. It has the 95 % confidence interval of the mean gain, and says
# whether that excludes zero. With two members little can be told, and bands and intervals are as wide as that.
# `study.table` has all numbers.
#
# What happened month by month:

# %%
study.plot()

# %% [markdown]
# And where. Energy density is drawn on the tissue, in one colour scale for all; the bone is that of the first member:

# %%
study.plot(kind="before_after")

# %% [markdown]
# What a reader has to know of the numbers stands in the notes. Month 0 is not quite the scan: a scan does not tell
# which of its surfaces are being remodelled, so the study begins with pits at work.

# %%
print(*study.notes, sep="\n")

# %% [markdown]
# ## From disk
#
# `tf.open` gives the same object from the folder. A study that was stopped goes on where it was with
# `tf.resume("study")`; nothing that was asked needs to be said again, and `tf.resume("study", years=1)` makes it
# longer. What the folder holds: [Read a run folder](../howto/run_folder.md).

# %%
again = tf.open("study")
again["Denosumab"].bone(month=6)

# %% [markdown]
# ## On the command line
#
# ```sh
# trabfem compare --quick --out first-run
# ```
#
# runs a piece of the shipped vertebra in four arms over five years in coarse steps, and writes tables, pictures and a
# report. Without `--quick` it is the whole block in monthly steps.
#
# Next: [your own scan](your_scan.md).
