/**
 * What git runs while it receives a push. The forge decides before (rules/push.ts) and passes its verdict by environment;
 * only what needs the pushed objects is left to the script.
 *
 * FORGE_REFUSED   lines of `<ref> <message>`: refused whatever is in the pack
 * FORGE_FORWARD   lines of `<ref>`: refused when not a fast-forward
 * FORGE_LINEAR    lines of `<ref>`: refused when it brings merge commits
 * FORGE_WORKFLOWS the default branch, when the caller may not change workflow files (rules/workflows.ts)
 * FORGE_ACCEPTED  file that gets the accepted commands
 */
export const updateHook = `#!/bin/sh
ref=$1 old=$2 new=$3
zero=0000000000000000000000000000000000000000

listed() { printf '%s\\n' "$1" | grep -F -x -q -e "$ref"; }

reason=$(printf '%s\\n' "$FORGE_REFUSED" | while IFS= read -r line; do
  case $line in "$ref "*) printf '%s' "\${line#"$ref "}"; break ;; esac
done)
if [ -z "$reason" ] && [ "$old" != "$zero" ] && [ "$new" != "$zero" ]; then
  if listed "$FORGE_FORWARD" && ! git merge-base --is-ancestor "$old" "$new"; then
    reason='Cannot force-push to this branch'
  elif listed "$FORGE_LINEAR" && [ -n "$(git rev-list --merges --max-count=1 "$old..$new")" ]; then
    reason='This branch must not contain merge commits.'
  fi
fi
workflows() { git rev-parse --quiet --verify "$1:.github/workflows" 2>/dev/null; }
case $ref in refs/heads/*) branch=yes ;; *) branch= ;; esac
if [ -z "$reason" ] && [ -n "$branch" ] && [ -n "$FORGE_WORKFLOWS" ] && [ "$new" != "$zero" ]; then
  default=refs/heads/$FORGE_WORKFLOWS
  wanted=$(workflows "$new")
  left=$(git merge-base "$default" "$new" 2>/dev/null)
  if [ "$wanted" != "$(workflows "$old")" ] && [ "$wanted" != "$(workflows "$default")" ] &&
    [ "$wanted" != "$(workflows "$left")" ]; then
    echo "error: refusing to create or update .github/workflows without the workflows permission" >&2
    exit 1
  fi
fi
if [ -n "$reason" ]; then
  echo "error: GH006: Protected branch update failed for $ref." >&2
  echo "error: $reason" >&2
  exit 1
fi
`;

export const postReceiveHook = `#!/bin/sh
exec cat > "$FORGE_ACCEPTED"
`;
