#!/usr/bin/env bash
# The cells of the notebooks that took the program from its PPA (its package is here already): the login,
# the mount, and a script that is run in its own folder on Drive.
#
#   ppa.sh ID SECRET    run in the folder that the notebook is in; the code comes on standard input
ID=$1 SECRET=$2

google-drive-ocamlfuse -headless -id=$ID -secret=$SECRET < /dev/null 2>&1 | grep URL
read -rs CODE  # getpass.getpass()
echo $CODE | google-drive-ocamlfuse -headless -id=$ID -secret=$SECRET

mkdir -p drive
set -e
google-drive-ocamlfuse drive
cd drive/test  # os.chdir("drive/test")
python3 test.py
