# awk -f includes.awk includes.tab FILE...: prints every include that the table does not allow.
# Run in the root of the source tree; FILE is relative to it.

function folder(path) { sub("/[^/]*$", "", path); return path }

function glob(pattern, path) {
    gsub(/\./, "[.]", pattern)
    gsub(/\*/, "[^/]*", pattern)
    return path ~ ("^" pattern "$")
}

function exists(path, line, r) { r = (getline line < path) >= 0; close(path); return r }

function quoted_allowed(name, room, i, n, word) {
    if (name ~ /\.\./)
        return 0
    n = split(may[room], word, " ")
    for (i = 1; i <= n; i++) {
        if (word[i] == "." && name !~ "/" && exists(room "/" name))
            return 1
        if (word[i] == "core" && name ~ "^core/[^/]*$" && exists("ingest/" name))
            return 1
        if (word[i] == name)
            return 1
    }
    return 0
}

function angle_allowed(name, path, i, n, file) {
    if (name in libc)
        return 1
    n = split(only[name], file, " ")
    for (i = 1; i <= n; i++)
        if (glob(file[i], path))
            return 1
    return 0
}

FNR == 1 { n_file++ }

n_file == 1 {
    if ($1 == "room")
        for (i = 3; i <= NF; i++)
            may[$2] = may[$2] " " $i
    if ($1 == "only")
        for (i = 3; i <= NF; i++)
            only[$2] = only[$2] " " $i
    if ($1 == "libc")
        for (i = 2; i <= NF; i++)
            libc[$i] = 1
    next
}

/^[ \t]*#[ \t]*include/ {
    name = $0
    if (match(name, /"[^"]*"/))
        ok = quoted_allowed(substr(name, RSTART + 1, RLENGTH - 2), folder(FILENAME))
    else if (match(name, /<[^>]*>/))
        ok = angle_allowed(substr(name, RSTART + 1, RLENGTH - 2), FILENAME)
    else
        ok = 0
    if (!ok)
        printf "%s:%d: %s: not in tests/guards/includes.tab\n", FILENAME, FNR, $0
}
