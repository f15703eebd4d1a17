"""Writes breast-cancer.csv, the data of logistic.c: `python export_breast_cancer.py` (needs scikit-learn)."""

import csv
from pathlib import Path

from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
with open(Path(__file__).with_name("breast-cancer.csv"), "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*(name.replace(" ", "_") for name in data.feature_names), "benign"])
    for features, benign in zip(data.data.tolist(), data.target.tolist()):
        writer.writerow([*features, benign])
