/** Where the next thing begins that is neither space nor comment, and the comments on the way. */
export function skipTrivia(text: string, from: number): { readonly at: number; readonly comments: readonly string[] } {
  const comments: string[] = [];
  let at = from;
  for (;;) {
    const space = /\s*/y;
    space.lastIndex = at;
    at += space.exec(text)?.[0].length ?? 0;
    const end = commentEnd(text, at);
    if (end === undefined) return { at, comments };
    comments.push(text.slice(at, end));
    at = end;
  }
}

/** Block comments nest in Postgres. */
function commentEnd(text: string, at: number): number | undefined {
  if (text.startsWith("--", at)) {
    const end = text.indexOf("\n", at);
    return end === -1 ? text.length : end;
  }
  if (!text.startsWith("/*", at)) return undefined;
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    if (text.startsWith("/*", i)) {
      depth++;
      i++;
    } else if (text.startsWith("*/", i)) {
      depth--;
      i++;
      if (depth === 0) return i + 1;
    }
  }
  return text.length;
}
