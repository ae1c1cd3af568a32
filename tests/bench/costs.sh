#!/bin/sh
# costs.sh BENCH_COST FOLDER [ROUNDS]: what runs are told to cost beside what they then take (bench_cost.c), on a folder of
# images (train and val). Each row is a run of its own; a ratio over 1 means that less was taken than told.
set -eu
[ $# -ge 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
program=$1 folder=$(cd "$2" && pwd) rounds=${3:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state"

row() { # name, settings...
    name=$1
    shift
    rm -rf "$work/runs" "$work/cache/thaw/features"
    printf '[model]\nweights = none\n[data]\npath = %s\n[train]\nepochs = 4\n[run]\ndir = %s/runs\n' "$folder" "$work" \
        >"$work/row.ini"
    "$program" "$name" "$work/row.ini" "$@"
}

echo '| run | MB told | taken | first epoch told, s | taken | ratio | later epochs told, s | taken | ratio | asked in, ms |'
echo '|---|---|---|---|---|---|---|---|---|---|'
for round in $(seq "$rounds"); do
    row 'resnet18, trunk frozen and kept' model.name=resnet18 freeze.upto=trunk
    row 'resnet18, layer4 learns, augmented' model.name=resnet18 freeze.upto=layer3 data.augment=light
    row 'resnet18, all learns' model.name=resnet18 freeze.upto=none
    row 'mobilenet_v2, all learns' model.name=mobilenet_v2 freeze.upto=none
    row 'squeezenet1_1, trunk frozen, augmented' model.name=squeezenet1_1 freeze.upto=trunk data.augment=light
    row 'resnet20 of 64 pixels, all learns' model.name=resnet20 data.size=64 freeze.upto=none
done
