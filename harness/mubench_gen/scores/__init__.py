"""records → numbers: accuracies, intervals, paired statistics, calibration, option order."""
