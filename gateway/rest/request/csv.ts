/** RFC 4180: quoted fields, doubled quotes, CRLF or LF. Undefined when a quote is not closed. */
export function parseCsv(text: string): string[][] | undefined {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const field = text[at] === '"' ? quotedField(text, at) : plainField(text, at);
    if (field === undefined) return undefined;
    row.push(field.value);
    at = field.end;
    if (text[at] === ",") {
      at++;
      if (at === text.length) row.push("");
      continue;
    }
    if (text[at] === "\r") at++;
    if (at < text.length && text[at] !== "\n") return undefined;
    at++;
    rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

function plainField(text: string, from: number): { readonly value: string; readonly end: number } {
  const pattern = /[,\r\n]/g;
  pattern.lastIndex = from;
  const end = pattern.exec(text)?.index ?? text.length;
  return { value: text.slice(from, end), end };
}

function quotedField(text: string, from: number): { readonly value: string; readonly end: number } | undefined {
  let value = "";
  let at = from + 1;
  for (;;) {
    const close = text.indexOf('"', at);
    if (close < 0) return undefined;
    value += text.slice(at, close);
    if (text[close + 1] !== '"') return { value, end: close + 1 };
    value += '"';
    at = close + 2;
  }
}
