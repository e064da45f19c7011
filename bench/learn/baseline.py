#!/usr/bin/python3
"""The offline fit that `npm run bench:learn` compares with: scikit-learn's multinomial logistic regression (lbfgs, L2) on standardised
embeddings, C by 3-fold cross-validation inside each training part. It may see the training part as often as it likes.

    baseline.py EMBEDDINGS.f32 INFO.json RESULT.json [-]

reads what embedding-cache.ts wrote and writes, for each of the folds in INFO, the accuracies, the chosen C and the predicted classes. With `-` the folds come
from standard input, as a list in JSON: of each sample the fold that tests it, or -1 for a sample that none does.
"""
import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import StratifiedKFold  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

# Inverse penalties are tried from the first on, half a decade apart, until so many in a row were not better: no range that could cut off the best.
FIRST_INVERSE_PENALTY = 1e-4
STEP = 10**0.5
PATIENCE = 3
INNER_FOLDS = 3


def rotate(train, test):
    """Both in the span of the training rows, where all of a regularised solution lies: the same fit with fewer columns."""
    if len(train) >= train.shape[1]:
        return train, test
    basis = np.linalg.svd(train, full_matrices=False)[2].T
    return train @ basis, test @ basis


def classifier():
    # The tolerance is of the sum over the samples, whose gradient is in the thousands at the start.
    return LogisticRegression(solver="lbfgs", multi_class="multinomial", tol=1e-2, max_iter=1000, warm_start=True)


def choose_inverse_penalty(train, labels):
    """By the mean accuracy of 3-fold cross-validation; the stronger penalty where two are equal."""
    inner = [
        (classifier(), fit_on, score_on)
        for fit_on, score_on in StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=0).split(train, labels)
    ]
    best, best_score, worse, candidate = None, -1.0, 0, FIRST_INVERSE_PENALTY
    while worse < PATIENCE:
        # Each fit starts where the one with the next stronger penalty ended.
        scores = [
            model.set_params(C=candidate).fit(train[fit_on], labels[fit_on]).score(train[score_on], labels[score_on])
            for model, fit_on, score_on in inner
        ]
        if np.mean(scores) > best_score:
            best, best_score, worse = candidate, np.mean(scores), 0
        else:
            worse += 1
        candidate *= STEP
    return best


def fit_fold(values, labels, in_test):
    scaler = StandardScaler().fit(values[~in_test])
    train, test = rotate(scaler.transform(values[~in_test]), scaler.transform(values[in_test]))
    chosen = choose_inverse_penalty(train, labels[~in_test])
    model = classifier().set_params(C=chosen).fit(train, labels[~in_test])
    return model.predict(test), chosen


def mean_per_class(right, labels):
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def main(values_file, info_file, result_file, other_folds=None):
    with open(info_file, encoding="utf8") as file:
        info = json.load(file)
    values = np.fromfile(values_file, "<f4").reshape(info["samples"], info["dimensions"]).astype(np.float64)
    labels = np.array(info["labels"])
    folds = np.array(json.load(sys.stdin) if other_folds == "-" else info["folds"])
    start = time.time()
    predictions = np.full(len(labels), -1)
    found = []
    for fold in range(folds.max() + 1):
        in_test = folds == fold
        predictions[in_test], penalty = fit_fold(values, labels, in_test)
        right = predictions[in_test] == labels[in_test]
        found.append(
            {"top1": float(right.mean()), "meanPerClass": mean_per_class(right, labels[in_test]), "C": penalty}
        )
    result = {
        "baseline": f"scikit-learn {sklearn.__version__} LogisticRegression(lbfgs), standardised",
        "top1": float(np.mean([fold["top1"] for fold in found])),
        "meanPerClass": float(np.mean([fold["meanPerClass"] for fold in found])),
        "seconds": round(time.time() - start, 1),
        "folds": found,
        "predictions": predictions.tolist(),
    }
    with open(result_file + ".part", "w", encoding="utf8") as file:
        json.dump(result, file)
    os.replace(result_file + ".part", result_file)
    print(f"{info['set']} on {info['backbone']}: {result['top1']:.4f} in {result['seconds']} s, C {[float(format(f['C'], '.1g')) for f in found]}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=FutureWarning)
    main(*sys.argv[1:])
