/** How a project writes its files, so that a new one looks like its neighbours. */
export type Style = {
  readonly quote: '"' | "'";
  readonly indent: string;
  readonly eol: "\n" | "\r\n";
  readonly semicolon: ";" | "";
};

/** The habits of most of the texts; without any, the formatter's defaults. */
export function styleOf(texts: readonly string[]): Style {
  const all = texts.join("\n");
  const count = (pattern: RegExp) => all.match(pattern)?.length ?? 0;
  const indent = /\n([ \t]+)\S/.exec(all.replaceAll(/\/\*[\s\S]*?\*\//g, ""))?.[1] ?? "  ";
  return {
    quote: count(/'[^'"\n]*'/g) > count(/"[^'"\n]*"/g) ? "'" : '"',
    indent: indent.startsWith("\t") ? "\t" : indent.slice(0, 4),
    eol: count(/\r\n/g) > 0 ? "\r\n" : "\n",
    semicolon: all === "" || count(/;\s*$/gm) > 0 ? ";" : "",
  };
}

export const quoteOf = (text: string | undefined): Style["quote"] => styleOf(text === undefined ? [] : [text]).quote;
