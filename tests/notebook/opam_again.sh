#!/usr/bin/env bash
# The same notebook's cell, run again in its session: the slip that people copied, and what was meant.
#
#   opam_again.sh
mkdir -p drive nonempty
set -e
google-drive-ocamlfuse drive nonempty
google-drive-ocamlfuse -o nonempty drive
python3 drive/deeplearning/train_google.py
