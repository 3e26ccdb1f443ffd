/**
 * A statement as it may be kept: what follows PASSWORD and its like, and what addresses carry before their @, is masked. Reads the text and
 * not its tree, so that a statement with a mistake in it is masked as well; masks too much rather than too little. Every repetition is
 * bounded, so that no text makes it slow.
 */
const gap = String.raw`(?:\s|--[^\n]{0,300}(?:\n|$)|/\*[\s\S]{0,300}?\*/){0,300}`;
const literal = String.raw`(?:(?:[eE]|[uU]&|[nN])?'(?:[^'\\]|''|\\[\s\S])*(?:'|$)|\$(?<tag>\w{0,63})\$[\s\S]*?(?:\$\k<tag>\$|$))`;
const words = "password|passwd|secret|token|api_?key";

/** PASSWORD '...', also `password = '...'`, `(password '...')`, `"password" => '...'`. */
const afterWord = new RegExp(`((?:${words})\\w{0,63}"?${gap}(?::=|=>|=)?${gap})${literal}`, "gi");
/** Inside a literal: `password=...` of a connection string, and `scheme://user:...@host`. */
const inConnection = /(\b(?:password|passwd)\s{0,9}=\s{0,9})[^\s'"]+/gi;
const inAddress = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@']{0,200}:)[^\s@']{1,500}(?=@)/gi;

export const maskSecrets = (sql: string): string =>
  sql.replace(afterWord, "$1'***'").replace(inConnection, "$1***").replace(inAddress, "$1***");
