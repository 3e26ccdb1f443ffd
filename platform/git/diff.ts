import { records } from "./objects.ts";

export type FileChange = {
  readonly status: "added" | "modified" | "removed" | "renamed" | "copied" | "type-changed";
  readonly path: string;
  /** Only when renamed or copied. */
  readonly previousPath: string | null;
  readonly oldMode: string;
  readonly newMode: string;
  /** null where there is none: added, removed. */
  readonly oldHash: string | null;
  readonly newHash: string | null;
};

/** What changed in one file, as text. `patch` is null for binary files; counts are 0 then. */
export type FilePatch = FileChange & {
  readonly additions: number;
  readonly deletions: number;
  readonly patch: string | null;
};

const statuses = { A: "added", M: "modified", D: "removed", R: "renamed", C: "copied", T: "type-changed" } as const;

/** `git diff-tree -r -z --raw`: `:<mode> <mode> <hash> <hash> <status>\0<path>\0[<path>\0]`. */
export function parseRaw(output: Buffer): FileChange[] {
  const fields = records(output);
  const changes: FileChange[] = [];
  for (let i = 0; i < fields.length; ) {
    const [oldMode = "", newMode = "", oldHash = "", newHash = "", letter = ""] = (fields[i] ?? "").slice(1).split(" ");
    const status = statuses[letter[0] as keyof typeof statuses] ?? "modified";
    const moved = status === "renamed" || status === "copied";
    changes.push({
      status,
      path: fields[moved ? i + 2 : i + 1] ?? "",
      previousPath: moved ? (fields[i + 1] ?? "") : null,
      oldMode,
      newMode,
      oldHash: /^0+$/.test(oldHash) ? null : oldHash,
      newHash: /^0+$/.test(newHash) ? null : newHash,
    });
    i += moved ? 3 : 2;
  }
  return changes;
}

/** `git diff-tree -r -z --raw -p`: the raw records, an empty one, and the patches in the same order. */
export function parsePatches(output: Buffer): FilePatch[] {
  const boundary = output.indexOf("\0\0");
  const changes = parseRaw(output.subarray(0, boundary + 1));
  const sections = output
    .subarray(boundary + 2)
    .toString("utf8")
    .split(/^diff --git .*\n/m)
    .slice(1);
  let next = 0;
  return changes.map((change) => {
    // A change of type is written as a removal and an addition.
    const first = next;
    next += change.status === "type-changed" ? 2 : 1;
    const own = sections.slice(first, next);
    const bodies = own.map((section) => {
      const start = /^@@/m.exec(section)?.index;
      return start === undefined ? "" : section.slice(start).replace(/\n$/, "");
    });
    const patch = bodies.filter((body) => body !== "").join("\n");
    return { ...change, ...count(patch), patch: patch === "" ? null : patch };
  });
}

function count(patch: string): { additions: number; deletions: number } {
  let additions = 0;
  let deletions = 0;
  for (const line of patch.split("\n")) {
    if (line.startsWith("+")) additions++;
    else if (line.startsWith("-")) deletions++;
  }
  return { additions, deletions };
}
