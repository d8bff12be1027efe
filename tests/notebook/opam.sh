#!/usr/bin/env bash
# The cells of the notebooks that built the program by opam: the login, the mount, the training, data by
# an absolute path. They are run as a whole in each session, whatever is there already.
#
#   opam.sh ID SECRET    run in the folder that the notebook is in; the code comes on standard input
ID=$1 SECRET=$2

google-drive-ocamlfuse -headless -id=$ID -secret=$SECRET < /dev/null 2>&1 | grep URL
read -rs CODE  # getpass.getpass()
echo $CODE | google-drive-ocamlfuse -headless -id=$ID -secret=$SECRET

mkdir -p drive
set -e  # where a line fails from here on, one stops and looks
google-drive-ocamlfuse drive
python3 drive/deeplearning/train_google.py
