/**
 * Letters of other alphabets that a reader takes for a Latin one, after NFKC (which already folds full-width and mathematical
 * forms). The table is not all of Unicode: what is missing in it still differs from ASCII, and below tenants/ that is refused.
 */
const lookalikes: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ["a", "аɑαᴀ"],
    ["b", "ЬьвʙƄ"],
    ["c", "сϲᴄⅽ"],
    ["d", "ԁɗᴅⅾ"],
    ["e", "еєҽεᴇ"],
    ["f", "ғϝꜰ"],
    ["g", "ɡցɢ"],
    ["h", "һհʜн"],
    ["i", "іıιɪїί"],
    ["j", "јϳᴊ"],
    ["k", "кκᴋ"],
    ["l", "ӏⅼʟןǀ"],
    ["m", "мᴍⅿ"],
    ["n", "пողɴη"],
    ["o", "оοօσᴏ"],
    ["p", "рρᴘ"],
    ["q", "ԛզ"],
    ["r", "гʀᴦ"],
    ["s", "ѕꜱʂ"],
    ["t", "тτᴛ"],
    ["u", "υսᴜц"],
    ["v", "ѵνᴠ"],
    ["w", "ԝωᴡ"],
    ["x", "хχ×"],
    ["y", "уүγʏ"],
    ["z", "ʐᴢ"],
    ["-", "‐‑‒–—−"],
    [".", "․。．"],
    ["/", "⁄∕／"],
    ["_", "＿"],
  ].flatMap(([latin = "", others = ""]) => [...others].map((letter) => [letter, latin])),
);

/** What a name looks like: equal for names that a reader, or a file system that ignores case, may take for each other. */
export function skeletonOf(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text.toLowerCase();
  const folded = text
    .normalize("NFKD")
    .replaceAll(/[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "")
    .normalize("NFKC")
    .toLowerCase();
  return [...folded].map((letter) => lookalikes[letter] ?? letter).join("");
}
