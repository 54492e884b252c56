# A line of an interface description as a line of a C string.
s/[\\"]/\\&/g
s/	/\\t/g
s/.*/	"&\\n"/
