#!/usr/bin/env bash
# The cells of the notebooks that have Drive as Colab mounts it: MyDrive below the mountpoint, and all
# paths of the training relative to its folder there. The login is there already.
#
#   colab.sh
set -e
driveway mount drive
cd drive/MyDrive/deeplearning  # os.chdir(…)
python3 train_google.py
