"""What each key of the configuration file means, by its dotted name. A key without a meaning stops the build."""

MEANINGS = {
    "name": "Title of the comparison, in the report and in `run.json`; of the patient and the arms if left out.",
    "years": "How long every arm is followed, from month 0; the last step may be shorter, so that it ends there.",
    "months_per_step": "Length of one step. One equilibrium is solved a step.",
    "apparent_stress": "Compression that the plates carry, MPa over the whole cross-section; the force stays the same "
    "while the bone changes.",
    "load": "`axial`: compression between bonded plates. `estimated`: the mixture of compressions and shears that "
    "strains this scan's surface most evenly. Excludes `[[activity]]`.",
    "members": "How many go through every arm, each with its own places of resorption and its own draw of the cell "
    "model's parameters. Of several every number is a mean with a band, and every arm has its gain over the first one, "
    "with a word on chance.",
    "rule": "How the surface moves: `level-set`, or for comparison `grey-advection` or `binary-flips`, in which no "
    "BMUs can dig: they imply `smooth = true`.",
    "smooth": "`false`: bone turns over in single remodelling units (BMUs), and its mineral follows from its age. "
    "`true`: whole surfaces move by what cells form less what they take.",
    "seed": "Where and when BMUs are born. The same seed gives the same run.",
    "specimen.path": "A file beside the configuration, or the name of a shipped specimen.",
    "specimen.spacing": "Voxel edge in mm, one number or three (x, y, z); only where the file carries none.",
    "specimen.threshold": "Value from which a voxel is bone, in mg HA/cm³ where the file has a calibration; Otsu's if "
    "left out.",
    "specimen.coarsen": "So many voxels a side are made one, with the mean of their bone; for scans that do not fit in "
    "memory.",
    "specimen.label": "Which label of a label map is bone, or a list of several.",
    "specimen.segmentation": "A filter and a threshold in mg HA/cm³ as the field uses them: `xtremect2`, "
    "`xtremect2-cortical`, `xtremect1` or `uct`; the last two need a threshold as well.",
    "specimen.calibration": "Slope and intercept that turn the file's values into mg HA/cm³, in place of its own.",
    "specimen.array": "Which of several arrays, fields, layers or series of the file, by name or by number from 0.",
    "specimen.roi": "Where morphometry and density are measured: a mask file on the scan, or a label of `labels`.",
    "specimen.labels": "A file with a map of labels on the scan.",
    "specimen.crop": "Side, in voxels, of a cube cut from the middle; at least 8.",
    "patient.sex": "Whose bone.",
    "patient.age": "Age at month 0, years.",
    "patient.menopause_age": "Age at the final menstrual period or when the ovaries were removed, years; not for men.",
    "patient.hormonal_status": "Women: `natural`, `surgical_menopause`, `hypogonadal` or `eugonadal`. Men: `eugonadal` "
    "or `hypogonadal`. `natural` and `eugonadal` if left out.",
    "activity.name": "A name for people.",
    "activity.stress": "Apparent stress (MPa, compression negative) by load case, all acting at the same time, such as "
    "`{ platens = -0.5, shear-yz = 0.05 }`.",
    "activity.cycles": "How often a day; weighs the energies of several activities.",
    "arm.name": "A name for people, in any script; each arm needs its own.",
    "arm.schedule": "What is taken and how the bone is loaded, in the [grammar of schedules](schedule.md). Empty: "
    "neither drug nor change of load.",
}


def of(key: str) -> str:
    """The meaning of a key; KeyError with what to do where it is missing."""
    if key not in MEANINGS:
        raise KeyError(f"say in docs/hooks/config_meanings.py what the configuration key {key!r} means")
    return MEANINGS[key]
