# SPDX-License-Identifier: GPL-2.0-or-later
#
# What matters of each test that failed, in a few lines, from bats' TAP: where it failed; what a
# sanitizer found, with its whole first stack; else the first lines of what the test said; and the last
# words of nsctld. The rest is in the log itself.

function shown(line) {
	sub(/^# ?/, "", line)
	print "    " substr(line, 1, 400)
}

# A stack as "#0 function file:line < …", without addresses and directories.
function frame(line) {
	sub(/^# *#[0-9]+ +/, "", line)
	sub(/^0x[0-9a-f]+ (in )?/, "", line)
	gsub(/\(\/[^ ]*\/|\/[^ ]*\//, "", line)
	sub(/ *\(BuildId.*/, "", line)
	return line
}

function finding(first,    i, stack, text) {
	shown(said[first])
	for (i = first + 1; i <= n_said; i++) {
		if (said[i] ~ /^# *#[0-9]+ /) {
			stack = 1
			if (length(text) > 130) {
				shown("# " text)
				text = ""
			}
			text = text (text == "" ? "  " : " < ") frame(said[i])
		} else if (stack) {
			break
		} else if (i < first + 4) {
			shown(said[i])
		}
	}
	if (text != "")
		shown("# " text)
}

function tell(    i, first, end) {
	if (title == "")
		return
	print title
	for (i = 1; i <= n_places; i++)
		if (places[i] ~ /in test file|' failed|failed with/)
			shown(places[i])
	end = n_said
	for (i = 1; i <= n_said; i++) {
		if (said[i] ~ /^# nsctld said:/)
			end = i - 1
		if (!first && said[i] ~ /ERROR: [A-Za-z]*Sanitizer|runtime error:/)
			first = i
	}
	for (i = 1; i <= end && i <= (first ? 3 : 9) && i != first; i++)
		shown(said[i])
	if (end > 9 && !first)
		print "    […]"
	if (first)
		finding(first)
	if (end < n_said) {
		print "    nsctld said:"
		for (i = n_said - 2 > end + 1 ? n_said - 2 : end + 2; i <= n_said; i++)
			shown(said[i])
	}
	title = ""
}

/^not ok / { tell(); title = $0; n_places = n_said = 0; next }
/^ok / { tell(); next }
title == "" { next }
/^# (\(|  *`| in | from )/ && !n_said { places[++n_places] = $0; next }
# what nsctl says when all goes well
/^# [A-Za-z0-9_.-]+: (already )?(up|down)$/ { next }
/^#/ { said[++n_said] = $0 }
END { tell() }
