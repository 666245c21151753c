# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs every suite of the unit tests; what stands between the markers is for programs to read.
echo '<-- BEGIN_USERSPACE_TESTS -->'
utest
status=$?
echo '<-- END_USERSPACE_TESTS -->'
exit $status
