const around = 2;
const widest = 160;

/** The lines around a place with a mark under its column; null when the text has no such line. */
export function codeFrame(text: string, line: number, column: number): string | null {
  const lines = text.split(/\r\n|\r|\n/);
  if (line < 1 || line > lines.length) return null;
  const from = Math.max(1, line - around);
  const to = Math.min(lines.length, line + around);
  const gutter = String(to).length;
  const numbered = (number: number | "", body: string) =>
    `${number === line ? ">" : " "} ${String(number).padStart(gutter)} | ${body}`.trimEnd();
  const frame: string[] = [];
  for (let number = from; number <= to; number++) {
    const body = visible(lines[number - 1] ?? "");
    frame.push(numbered(number, body.length > widest ? `${body.slice(0, widest)}…` : body));
    if (number === line && column >= 1 && column <= widest) frame.push(numbered("", `${" ".repeat(column - 1)}^`));
  }
  return frame.join("\n");
}

/** One column a character: a tab becomes a space, what cannot be seen or turns the line around becomes a dot. */
const visible = (line: string): string =>
  line.replaceAll("\t", " ").replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => "·".repeat(character.length));
