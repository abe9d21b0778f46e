"""Small files as scanners write them, by hand; and the same with damage."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np

SPACING = (0.030, 0.041, 0.052)
FIRST = (5, 6, 7)
LOG = """! Processing Log
!
Orig-ISQ-Dim-p                                        300       300       100
Mu_Scaling                                           8192
Calib. default unit type                                2 (Density)
Density: unit                    mg HA/ccm
Density: slope                         1.60351904e+03
Density: intercept                    -3.91209015e+02
HU: mu water                               0.24090
"""
CHAR, SHORT, FLOAT, RUNS_OF_TWO, RUNS, BITS = 0x10001, 0x20002, 0x40004, 0x150001, 0x80002, 0x60001
CT, ENHANCED_CT, SEGMENTATION, SCREEN = (f"1.2.840.10008.5.1.4.1.1.{n}" for n in ("2", "2.1", "66.4", "7"))


# Scanco ---------------------------------------------------------------------------------------------------------------


def vms(value: float) -> bytes:
    """VMS F-float: four times the number, with its halves swapped."""
    return struct.pack("<HH", *struct.unpack("<HH", struct.pack("<f", 4 * value))[::-1])


def vms_double(value: float) -> bytes:
    """VMS G-float: four times the number, with its quarters in reverse."""
    return struct.pack("<4H", *struct.unpack("<4H", struct.pack("<d", 4 * value))[::-1])


def aim_020(shape: Any, kind: int, data: bytes, log: str = LOG, border: Any = (0, 0, 0)) -> bytes:
    """An AIM of version 020: sizes of five blocks, the record, the log, the voxels."""
    record = struct.pack("<6i", 16, 0, 0, 0, 0, kind)
    record += struct.pack("<12i", *FIRST, *shape, *border, 0, 0, 0) + bytes(36)
    record += b"".join(vms(h) for h in SPACING) + struct.pack("<5i", 0, 0, 0, 0, 1)
    text = log.encode() + b"\0"
    return struct.pack("<5i", 20, len(record), len(text), len(data), 0) + record + text + data


def aim_030(shape: Any, kind: int, data: bytes, log: str = LOG) -> bytes:
    """An AIM of version 030."""
    record = struct.pack("<4i", 24, 0, 0, kind) + struct.pack("<12q", *FIRST, *shape, 0, 0, 0, 0, 0, 0) + bytes(72)
    record += struct.pack("<3q", *(round(h * 1e6) for h in SPACING)) + struct.pack("<4i", 0, 0, 0, 1)
    text = log.encode() + b"\0"
    return b"AIMDATA_V030   \0" + struct.pack("<5q", 40, len(record), len(text), len(data), 0) + record + text + data


def isq(values: np.ndarray, calibration: bool = True, kind: int = 3, scaling: int = 4096, unit: bytes = b"mg HA/ccm"):
    """An ISQ, with the block of calibration that follows the header."""
    words = np.zeros(128, "<i4")
    words[4] = kind
    words[11:14] = values.shape
    words[14:17] = [round(n * h * 1000) for n, h in zip(values.shape, SPACING, strict=True)]
    words[22], words[127] = scaling, 4
    names = bytearray(512)
    names[8:24], names[24:28] = b"Calibration     ", struct.pack("<i", 3)
    block = bytearray(1536)
    block[648 : 648 + len(unit)] = unit
    block[664:672], block[672:680], block[688:696] = vms_double(1603.5), vms_double(-391.25), vms_double(0.2409)
    middle = bytes(names + block) if calibration else bytes(2048)
    return b"CTDATA-HEADER_V1" + words.tobytes()[16:] + middle + values.T.astype("<i2").tobytes()


def gobj(slices: Any, shape: Any = (40, 50, 60)) -> bytes:
    """Contours of rectangles: (z, x from, y from, width, height) each."""
    words = np.zeros(128, "<i4")
    words[4] = 6
    words[8:11] = shape
    words[11:14] = [round(n * h * 1000) for n, h in zip(shape, SPACING, strict=True)]
    body = b""
    for z, x, y, width, height in slices:
        middle = (x + (width - 1) // 2, y + (height - 1) // 2)
        body += struct.pack("<13i", 1, *middle, z, width, height, 0, 3, 20, 0, 0, 16512, 16512)
        body += struct.pack("<10i", 1, 4, *middle, z, width, height, 0, 3, 0)
    return b"CTDATA-HEADER_V1" + words.tobytes()[16:] + body + bytes(60)


# DICOM ----------------------------------------------------------------------------------------------------------------


def dicom_header(kind: str = CT, **attributes: Any) -> Any:
    """A data set with its file header."""
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(kind)
    meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = pydicom.Dataset()
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = kind, "1.2.3.4"
    dataset.Modality, dataset.SeriesInstanceUID = "CT", "1.2.3"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def set_pixels(dataset: Any, pixels: np.ndarray) -> Any:
    """The pixels (row, column), or (frame, row, column), and what describes them."""
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    bits = 8 * pixels.dtype.itemsize
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    return dataset


def save(dataset: Any, path: Path | io.BytesIO) -> None:
    """Write a data set as a DICOM file."""
    dataset.save_as(path, enforce_file_format=True)


def write_series(folder: Path, values: np.ndarray, direction: np.ndarray, middle: Any, prefix: str = "s", **more: Any):
    """A series of slices (x, y, z), one a file, numbered against their order; `middle`: that of the first voxel."""
    folder.mkdir(exist_ok=True, parents=True)
    for k in range(values.shape[2]):
        position = np.asarray(middle) + direction[:, 2] * SPACING[2] * k
        attributes = {
            "ImagePositionPatient": [f"{p:.9g}"[:16] for p in position],
            "ImageOrientationPatient": [f"{d:.9g}"[:16] for d in direction[:, :2].T.ravel()],
            "PixelSpacing": [SPACING[1], SPACING[0]],
            "RescaleSlope": 1,
            "RescaleIntercept": -1000,
            "InstanceNumber": values.shape[2] - k,
        }
        dataset = set_pixels(dicom_header(**(attributes | more)), np.ascontiguousarray(values[:, :, k].T))
        save(dataset, folder / f"{prefix}{values.shape[2] - k:03d}.dcm")


def many_frames(values: np.ndarray) -> Any:
    """An enhanced CT: all slices in one file, with functional groups."""
    import pydicom

    dataset = dicom_header(ENHANCED_CT)
    frames = np.ascontiguousarray(values.T)
    set_pixels(dataset, frames)
    dataset.NumberOfFrames = len(frames)
    shared, measures, plane, line = (pydicom.Dataset() for _ in range(4))
    measures.PixelSpacing = [SPACING[1], SPACING[0]]
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    line.RescaleSlope, line.RescaleIntercept, line.RescaleType = 2, -1000, "HU"
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [plane]
    shared.PixelValueTransformationSequence = [line]
    dataset.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for k in range(len(frames)):
        group, position = pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = [1, 2, round(3 + k * SPACING[2], 6)]
        group.PlanePositionSequence = [position]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    return dataset
