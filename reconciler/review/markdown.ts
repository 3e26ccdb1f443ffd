/** Markdown from text that a stranger wrote: nothing in it may format, link, mention or close what it stands in. */

const longestText = 600;

/** One line of plain text. */
export const plain = (text: string): string =>
  (text.length > longestText ? `${text.slice(0, longestText)}…` : text)
    .replaceAll(/\s+/g, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("@", "&#64;")
    .replaceAll(/[\\`*_[\]|~#]/g, (character) => `\\${character}`)
    .replaceAll(/:\/\//g, ":&#47;&#47;");

/** A sentence of ours: what it sets in backticks is shown as code, everything else is plain. */
export const prose = (text: string): string =>
  text
    .split(/(`[^`\n]+`)/)
    .map((part) => (/^`[^`\n]+`$/.test(part) ? code(part.slice(1, -1)) : plain(part)))
    .join("");

/** `code`, whatever stands in it. */
export function code(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").replaceAll("|", "¦");
  const fence = "`".repeat(longestRun(line) + 1);
  return fence.length === 1 ? `\`${line}\`` : `${fence} ${line} ${fence}`;
}

/** A fenced block that its own text cannot close. */
export function block(text: string, language = ""): string {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}${language}\n${text.replace(/\n+$/, "")}\n${fence}`;
}

/** Cells are Markdown already; nothing is written for no rows. */
export function table(head: readonly string[], align: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const rule = [...align].map((one) => (one === "r" ? "--:" : ":--")).join(" | ");
  return [head.join(" | "), rule, ...rows.map((row) => row.join(" | "))].map((line) => `| ${line} |`).join("\n");
}

export const details = (summary: string, body: string): string =>
  `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`;

const longestRun = (text: string): number => Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
