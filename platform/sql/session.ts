/**
 * One connection on which scripts run: several prepared statements in one round trip and one transaction.
 *
 * 1. A script is one flight of the extended protocol with one Sync at its end, so Postgres runs it as one implicit transaction that
 *    commits at the end and undoes everything when a step fails. A script that begins with `begin` stays open instead.
 * 2. Values travel as text and come back as text: nothing is parsed here, so nothing is rounded here.
 * 3. What the server refuses is a value; only a lost connection throws.
 * 4. Scripts run one after the other; who lends a session lends it to one at a time.
 */
import pg from "pg";
import type { Secret } from "../core/index.ts";
import { clientConfig } from "./connect.ts";
import { translate } from "./errors.ts";
import { quoteIdent } from "./quote.ts";

export type Step = {
  readonly text: string;
  readonly values?: readonly (string | null)[];
  /** Keeps the statement prepared on this connection. */
  readonly name?: string;
};

/** Rows of text, and the server's word for what was done: `INSERT 0 1`. */
export type StepResult = { readonly rows: (string | null)[][]; command: string };

/** As the server said it. */
export type ServerError = {
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly constraint: string | null;
};

export type ScriptEnd =
  | { readonly kind: "done"; readonly results: readonly StepResult[] }
  | { readonly kind: "refused"; readonly error: ServerError };

export type Session = {
  /** @throws NebulaError when the connection is lost. */
  run(steps: readonly Step[]): Promise<ScriptEnd>;
  /** Whether it may be lent again: connected, outside a transaction, and with its prepared statements. */
  isClean(): boolean;
  close(): Promise<void>;
};

export type SessionOptions = {
  readonly url: Secret;
  readonly applicationName: string;
  /** Channels that the session listens to from the start. */
  readonly listen?: readonly string[];
  readonly onNotify?: (channel: string, payload: string) => void;
  /** The connection ended without being asked to. */
  readonly onLost?: () => void;
};

/** More prepared statements than this on one connection, and the one not used for longest goes. */
const mostPrepared = 300;

export async function openSession({ url, applicationName, listen = [], onNotify, onLost }: SessionOptions) {
  const client = new pg.Client(clientConfig(url, applicationName));
  const prepared = new Map<string, string>();
  let isUsable = true;
  let isClosing = false;
  client.on("error", () => {
    isUsable = false;
  });
  client.once("end", () => {
    isUsable = false;
    if (!isClosing) onLost?.();
  });
  if (onNotify !== undefined) client.on("notification", ({ channel, payload }) => onNotify(channel, payload ?? ""));
  const close = async () => {
    isClosing = true;
    isUsable = false;
    await client.end().catch(() => undefined);
  };
  try {
    await client.connect();
    if (listen.length > 0) await client.query(listen.map((channel) => `listen ${quoteIdent(channel)}`).join("; "));
  } catch (thrown) {
    await close();
    throw translate(thrown);
  }
  const run = async (steps: readonly Step[]): Promise<ScriptEnd> => {
    const end = await new Promise<ScriptEnd>((resolve, reject) => {
      client.query(new Script(steps, prepared, resolve, (thrown) => reject(translate(thrown))));
    });
    // somebody's function threw our prepared statements away: this connection is of no more use
    if (end.kind === "refused" && (end.error.code === "26000" || end.error.code === "42P05")) isUsable = false;
    return end;
  };
  const session: Session = { run, isClean: () => isUsable && client.getTransactionStatus() === "I", close };
  return session;
}

/** What `pg` calls of a query that writes its own messages. */
type Wire = {
  readonly stream: { cork(): void; uncork(): void };
  parse(statement: { name: string; text: string }): void;
  bind(portal: { statement: string; values: readonly (string | null)[] }): void;
  execute(portal: { rows: number }): void;
  close(statement: { type: "S"; name: string }): void;
  sync(): void;
  sendCopyFail(reason: string): void;
};

class Script implements pg.Submittable {
  readonly #steps: readonly Step[];
  readonly #prepared: Map<string, string>;
  readonly #results: StepResult[] = [];
  readonly #resolve: (end: ScriptEnd) => void;
  readonly #reject: (thrown: unknown) => void;
  #current: StepResult = { rows: [], command: "" };
  #parsed: string[] = [];
  /** The driver looks for it. */
  callback = (): void => undefined;

  constructor(
    steps: readonly Step[],
    prepared: Map<string, string>,
    resolve: (end: ScriptEnd) => void,
    reject: (thrown: unknown) => void,
  ) {
    this.#steps = steps;
    this.#prepared = prepared;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    const wire = connection as unknown as Wire;
    wire.stream.cork();
    try {
      for (const { text, values = [], name = "" } of this.#steps) {
        if (name === "") wire.parse({ name, text });
        else this.#prepare(wire, name, text);
        wire.bind({ statement: name, values });
        wire.execute({ rows: 0 });
      }
      wire.sync();
    } finally {
      wire.stream.uncork();
    }
  }

  #prepare(wire: Wire, name: string, text: string): void {
    const isKnown = this.#prepared.get(name) === text;
    this.#prepared.delete(name);
    this.#prepared.set(name, text); // the newest is last
    if (isKnown) return;
    wire.close({ type: "S", name }); // a failed script may have left it behind; closing what is not there is no error
    wire.parse({ name, text });
    this.#parsed.push(name);
    if (this.#prepared.size <= mostPrepared) return;
    const [oldest] = this.#prepared.keys();
    if (oldest === undefined) return;
    this.#prepared.delete(oldest);
    wire.close({ type: "S", name: oldest });
  }

  handleRowDescription(): void {}
  handleDataRow({ fields }: { readonly fields: (string | null)[] }): void {
    this.#current.rows.push(fields);
  }
  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#current.command = text;
    this.#results.push(this.#current);
    this.#current = { rows: [], command: "" };
  }
  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: "" });
  }
  handlePortalSuspended(): void {}
  handleCopyInResponse(connection: pg.Connection): void {
    (connection as unknown as Wire).sendCopyFail("no copying here");
  }
  handleCopyData(): void {}
  handleReadyForQuery(): void {
    this.#resolve({ kind: "done", results: this.#results });
  }
  handleError(thrown: unknown): void {
    for (const name of this.#parsed) this.#prepared.delete(name);
    if (!(thrown instanceof pg.DatabaseError) || thrown.code === undefined || thrown.severity === "FATAL")
      return this.#reject(thrown);
    const { code, message, detail = null, hint = null, constraint = null } = thrown;
    this.#resolve({ kind: "refused", error: { code, message, detail, hint, constraint } });
  }
}
