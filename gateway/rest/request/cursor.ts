import { unparsed } from "../refusal.ts";

/** Reads one parameter's text from left to right. */
export class Cursor {
  readonly text: string;
  at = 0;
  readonly #what: string;

  constructor(text: string, what: string) {
    this.text = text;
    this.#what = what;
  }

  isDone(): boolean {
    return this.at >= this.text.length;
  }

  peek(): string {
    return this.text[this.at] ?? "";
  }

  sees(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }

  /** Goes past `text` if it stands here. */
  takes(text: string): boolean {
    if (!this.sees(text)) return false;
    this.at += text.length;
    return true;
  }

  need(text: string): void {
    if (!this.takes(text)) throw this.fail(`expected "${text}"`);
  }

  /** The match of a sticky pattern here, or undefined. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) return undefined;
    this.at += found.length;
    return found;
  }

  rest(): string {
    const rest = this.text.slice(this.at);
    this.at = this.text.length;
    return rest;
  }

  fail(expected: string): Error {
    const found = this.isDone() ? "unexpected end of input" : `unexpected "${this.peek()}"`;
    return unparsed(this.#what, this.text, this.at + 1, `${found}; ${expected}`);
  }
}

/** `"..."` with `\"` and `\\` inside. */
export function quoted(cursor: Cursor): string {
  cursor.need('"');
  let text = "";
  for (;;) {
    const plain = cursor.match(/[^"\\]+/y);
    if (plain !== undefined) text += plain;
    if (cursor.takes('"')) return text;
    if (!cursor.takes("\\")) throw cursor.fail('expected a closing "');
    const [escaped] = cursor.text.slice(cursor.at);
    if (escaped === undefined) throw cursor.fail("expected a character after the backslash");
    text += cursor.peek();
    cursor.at++;
  }
}
