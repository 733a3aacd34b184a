"""One file is one data set: `sample` and `batch` give Samples by index."""
