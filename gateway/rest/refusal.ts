/**
 * What a client is told instead of rows, in PostgREST's words: its clients read `code`, `message`, `details` and `hint`. Thrown inside the
 * engine, caught in one place (`data-api.ts`), never seen outside.
 */
export type RefusalBody = {
  readonly code: string;
  readonly message: string;
  readonly details: unknown;
  readonly hint: string | null;
};

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly code: string;
  readonly details: unknown;
  readonly hint: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { details?: unknown; hint?: string | null; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = more.details ?? null;
    this.hint = more.hint ?? null;
    this.headers = more.headers ?? {};
  }

  body(): RefusalBody {
    return { code: this.code, message: this.message, details: this.details, hint: this.hint };
  }
}

/** PGRST100: a parameter that does not parse. `place` is the 1-based column. */
export const unparsed = (what: string, text: string, place: number, details: string): Refusal =>
  new Refusal(400, "PGRST100", `"failed to parse ${what} (${clip(text)})" (line 1, column ${place})`, { details });

export const clip = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}...` : text);
