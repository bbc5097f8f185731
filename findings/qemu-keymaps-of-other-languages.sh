#!/bin/sh
# Two of the layouts that QEMU 7.2 takes for -k are not what whoever reads their names expects. `et`, Estonian's language code, is generated from
# the xkb layout of that name, which is Ethiopia's (Estonia's is `ee`): it gives no Latin letter a key of its own, so a VNC client's `a` to `z`
# find no key in it. `bepo` is the French variant of Dvorak, where Bepo's own first row (b, e, p, o) is elsewhere.
#
# What is looked at: the names that stand in the two files and, for each letter a to z, whether a line of the file gives it a key without modifiers.
# Debian's qemu-system-data is unpacked into a temporary folder. Status: 0 as described, 1 QEMU has other files, 2 the package cannot be had.
set -eu
VERSION=1:7.2+dfsg-7+deb12u18
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if ! apt-get -q -o APT::Sandbox::User= download "qemu-system-data=$VERSION" >log 2>&1; then
    tail -n 3 log >&2
    echo "qemu-system-data=$VERSION cannot be fetched (apt-get update first; Debian 12 has it)" >&2
    exit 2
fi
dpkg -x ./*.deb root
echo "qemu-system-data $VERSION"
status=0
look() { # NAME LAYOUT VARIANT LETTERS
    file=root/usr/share/qemu/keymaps/$1
    layout=$(sed -n 's/^#  *layout  *: //p' "$file")
    variant=$(sed -n 's/^#  *variant  *: //p' "$file")
    called=$(sed -n 's/^# name: //p' "$file")
    letters=0
    for letter in a b c d e f g h i j k l m n o p q r s t u v w x y z; do
        if grep -q -E "^$letter 0x[0-9a-f]+\$" "$file"; then letters=$((letters + 1)); fi
    done
    echo "$1: layout $layout, variant $variant, called $called; letters a to z with a key of their own: $letters"
    if [ "$layout $variant $letters" != "$2 $3 $4" ]; then status=1; fi
}
look et et - 0
look bepo fr dvorak 26
row=$(sed -n 's/^\([^ #]*\) 0x1[0-3]$/\1/p' root/usr/share/qemu/keymaps/bepo | tr '\n' ' ')
echo "bepo: its first row begins with $row"
case "$row" in "b "*) status=1 ;; esac
if [ "$status" = 0 ]; then echo "as described"; fi
exit "$status"
