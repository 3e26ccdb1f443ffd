/** Whether what was typed so far is whole: it ends with a semicolon that no quote and no comment holds. */
export function isComplete(typed: string): boolean {
  let rest = typed;
  let endsWhole = false;
  for (;;) {
    const [found] = /'|"|\$\w*\$|--|\/\*|;/.exec(rest) ?? [];
    if (found === undefined) return endsWhole && rest.trim() === "";
    const before = rest.slice(0, rest.indexOf(found));
    if (before.trim() !== "") endsWhole = false;
    rest = rest.slice(before.length + found.length);
    if (found === ";") {
      endsWhole = true;
      continue;
    }
    const isComment = found === "--" || found === "/*";
    const end = found === "--" ? "\n" : found === "/*" ? "*/" : found;
    const at = rest.indexOf(end);
    if (at < 0) return found === "--" && endsWhole;
    if (!isComment) endsWhole = false;
    rest = rest.slice(at + end.length);
  }
}
