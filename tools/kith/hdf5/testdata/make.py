"""Write the files of this folder again: make.py (needs h5py)."""
import h5py
import numpy as np


def fill(f, text):
    rng = np.random.default_rng(7)
    train = (np.arange(60, dtype=np.float32) / 4 - 3).reshape(20, 3)
    f.attrs["distance"] = text
    f.attrs["dimension"] = 3  # no text: it is left alone
    f.create_dataset("train", data=train)
    f.create_dataset("test", data=train[:4].astype(np.float64) + 0.25)
    f.create_dataset("neighbors", data=np.array([[i, i + 1] for i in range(4)], np.int32))
    f.create_dataset("bytes", data=np.array([[1, 255], [3, 4]], np.uint8))
    f.create_dataset("wide", data=np.array([[-5, 6]], np.int64))
    f.create_dataset("chunked", data=train, chunks=(5, 3), compression="gzip")


with h5py.File("old.hdf5", "w") as f:  # as ann-benchmarks writes them
    fill(f, "angular")
with h5py.File("new.hdf5", "w", libver="latest") as f:
    fill(f, np.bytes_("euclidean"))
with h5py.File("many.hdf5", "w") as f:  # a group of several nodes
    for i in range(40):
        f.create_dataset(f"set-{i}", data=np.full((2, 2), i, np.float32))
