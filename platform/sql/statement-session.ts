/**
 * One connection on which a stranger's statements run, one after the other, and not more of their answers than was asked for.
 *
 * 1. A statement travels alone (the extended protocol takes one), its values as text; what comes back is the server's text, so nothing
 *    is rounded.
 * 2. Rows are fetched in portions. At `maxRows` or `maxBytes` the rest stays at the server: it is thrown away, or kept in a named portal
 *    for as long as the transaction is open.
 * 3. Whatever is sent, at most `hardBytes` of one answer are taken into memory: then the connection is dropped.
 * 4. What the server refuses is a value; a lost connection throws.
 */
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import pg from "pg";
import type { Secret } from "../core/index.ts";
import { clientConfig } from "./connect.ts";
import { ledgerUnavailable, translate } from "./errors.ts";

export type Field = {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
};

export type StatementError = {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
  /** Counts characters of the statement from 1; null where the server names none. */
  readonly position: number | null;
  /** Of what a function ran inside. */
  readonly internalQuery: string | null;
  readonly where: string | null;
  readonly schema: string | null;
  readonly table: string | null;
  readonly column: string | null;
  readonly dataType: string | null;
  readonly constraint: string | null;
};

export type StatementEnd =
  | {
      readonly kind: "done";
      /** null: it is none that answers rows. */
      readonly fields: readonly Field[] | null;
      readonly rows: (string | null)[][];
      readonly bytes: number;
      /** The server's word for what was done (`INSERT 0 1`); null: there is more. */
      readonly command: string | null;
    }
  | { readonly kind: "refused"; readonly error: StatementError };

export type Portion = { readonly maxRows: number; readonly maxBytes: number };
export type StatementRequest = Portion & {
  readonly text: string;
  readonly values?: readonly (string | null)[];
  /** A name: what is beyond the limits is kept under it, for `more`. */
  readonly keepAs?: string;
};

export type StatementNotice = Pick<StatementError, "severity" | "code" | "message" | "detail" | "hint">;

export type StatementSession = {
  readonly pid: number;
  run(request: StatementRequest): Promise<StatementEnd>;
  more(portal: string, portion: Portion): Promise<StatementEnd>;
  /** Idle, in a transaction, in a failed one; undefined: not connected. */
  transaction(): "idle" | "open" | "failed" | undefined;
  /** Asks the server to cancel what runs. */
  cancel(): Promise<void>;
  /** Drops the connection; who waits for a statement hears of it. */
  drop(): void;
  close(): Promise<void>;
};

export type StatementSessionOptions = {
  readonly url: Secret;
  readonly applicationName: string;
  readonly hardBytes: number;
  readonly onNotice: (notice: StatementNotice) => void;
};

type Inside = {
  readonly processID: number;
  readonly secretKey: number;
  readonly connection: { readonly stream: Socket };
};

export async function openStatementSession(options: StatementSessionOptions): Promise<StatementSession> {
  const { url, applicationName, hardBytes, onNotice } = options;
  const config = clientConfig(url, applicationName);
  const client = new pg.Client(config);
  let lost: Error | undefined;
  client.on("error", (thrown) => {
    lost = thrown;
  });
  client.on("notice", ({ severity = "NOTICE", code = "00000", message = "", detail = null, hint = null }) =>
    onNotice({ severity, code, message, detail, hint }),
  );
  try {
    await client.connect();
  } catch (thrown) {
    await client.end().catch(() => undefined);
    throw translate(thrown);
  }
  const inside = client as unknown as Inside;
  const { stream } = inside.connection;
  let taken = 0;
  stream.on("data", (chunk: Buffer) => {
    taken += chunk.length;
    if (taken > hardBytes) stream.destroy(new Error(`an answer has more than ${hardBytes} bytes in one portion`));
  });
  const submit = (make: (end: Settle) => Flight): Promise<StatementEnd> => {
    taken = 0;
    if (lost !== undefined) return Promise.reject(ledgerUnavailable("the connection is lost", { cause: lost }));
    return new Promise<StatementEnd>((resolve, reject) => {
      client.query(make({ resolve, reject: (thrown) => reject(translate(thrown)) }));
    });
  };
  return {
    pid: inside.processID,
    run: (request) => submit((settle) => new Flight(settle, request, request)),
    more: (portal, portion) => submit((settle) => new Flight(settle, portion, undefined, portal)),
    transaction() {
      if (lost !== undefined) return undefined;
      const status = client.getTransactionStatus();
      return status === "I" ? "idle" : status === "T" ? "open" : status === "E" ? "failed" : undefined;
    },
    cancel: () => cancelBackend(config, inside),
    drop: () => void stream.destroy(new Error("the connection was dropped")),
    close: () => client.end().catch(() => undefined),
  };
}

/** A connection of its own says whom to cancel; the server answers nothing. */
function cancelBackend({ host = "", port = 5432 }: pg.ClientConfig, { processID, secretKey }: Inside): Promise<void> {
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(80_877_102, 4);
  message.writeInt32BE(processID, 8);
  message.writeInt32BE(secretKey, 12);
  return new Promise((resolve) => {
    const socket = host.startsWith("/") ? connect(join(host, `.s.PGSQL.${port}`)) : connect(port, host);
    socket.setTimeout(1000, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.once("close", () => resolve());
    socket.resume();
    socket.end(message);
  });
}

/** What `pg` calls of a query that writes its own messages. */
type Wire = {
  parse(statement: { name: string; text: string }): void;
  bind(portal: { portal: string; statement: string; values: readonly (string | null)[] }): void;
  describe(what: { type: "P"; name: string }): void;
  execute(portal: { portal: string; rows: number }): void;
  close(what: { type: "P"; name: string }): void;
  flush(): void;
  sync(): void;
  sendCopyFail(reason: string): void;
};

type Settle = { resolve(end: StatementEnd): void; reject(thrown: unknown): void };

/** Small portions first: nobody knows yet how wide a row is. */
const firstPortion = 8;
const mostInPortion = 1000;

class Flight implements pg.Submittable {
  readonly #settle: Settle;
  readonly #portion: Portion;
  readonly #request: StatementRequest | undefined;
  readonly #portal: string;
  readonly #keeps: boolean;
  readonly #rows: (string | null)[][] = [];
  #fields: readonly Field[] | null = null;
  #command: string | null = null;
  #bytes = 0;
  #asked = 0;
  #isSynced = false;
  /** The driver looks for it. */
  callback = (): void => undefined;

  constructor(settle: Settle, portion: Portion, request: StatementRequest | undefined, portal?: string) {
    this.#settle = settle;
    this.#portion = portion;
    this.#request = request;
    this.#portal = portal ?? request?.keepAs ?? "";
    this.#keeps = this.#portal !== "";
  }

  submit(connection: pg.Connection): void {
    const wire = connection as unknown as Wire;
    if (this.#request !== undefined) {
      wire.parse({ name: "", text: this.#request.text });
      wire.bind({ portal: this.#portal, statement: "", values: this.#request.values ?? [] });
      wire.describe({ type: "P", name: this.#portal });
    }
    this.#fetch(wire);
  }

  #fetch(wire: Wire): void {
    wire.execute({ portal: this.#portal, rows: this.#next() });
    wire.flush();
  }

  /** One row more than is wanted tells whether there is more, where nobody asks for it again. */
  #next(): number {
    const { maxRows, maxBytes } = this.#portion;
    const left = maxRows - this.#rows.length + (this.#keeps ? 0 : 1);
    const each = this.#rows.length === 0 ? maxBytes / firstPortion : this.#bytes / this.#rows.length;
    const fitting = Math.floor((maxBytes - this.#bytes) / Math.max(1, each)) + 1;
    this.#asked = Math.max(
      1,
      Math.min(left, fitting, this.#asked === 0 ? firstPortion : this.#asked * 2, mostInPortion),
    );
    return this.#asked;
  }

  #isFull = (): boolean => {
    const { maxRows, maxBytes } = this.#portion;
    return this.#bytes >= maxBytes || this.#rows.length >= maxRows + (this.#keeps ? 0 : 1);
  };

  #sync(wire: Wire): void {
    if (this.#isSynced) return;
    this.#isSynced = true;
    wire.sync();
  }

  handleRowDescription({ fields }: { readonly fields: readonly pg.FieldDef[] }): void {
    this.#fields = fields.map(({ name, dataTypeID, dataTypeModifier }) => ({
      ...{ name, typeOid: dataTypeID, typeModifier: dataTypeModifier },
    }));
  }
  handleDataRow({ fields }: { readonly fields: (string | null)[] }): void {
    this.#rows.push(fields);
    for (const cell of fields) this.#bytes += cell === null ? 4 : cell.length;
  }
  handlePortalSuspended(connection: pg.Connection): void {
    const wire = connection as unknown as Wire;
    if (!this.#isFull()) return this.#fetch(wire);
    if (!this.#keeps) wire.close({ type: "P", name: this.#portal });
    this.#sync(wire);
  }
  handleCommandComplete({ text }: { readonly text: string }, connection: pg.Connection): void {
    this.#command = text;
    this.#sync(connection as unknown as Wire);
  }
  handleEmptyQuery(connection: pg.Connection): void {
    this.handleCommandComplete({ text: "" }, connection);
  }
  handleCopyInResponse(connection: pg.Connection): void {
    (connection as unknown as Wire).sendCopyFail("no copying here");
  }
  handleCopyData(): void {}
  handleReadyForQuery(): void {
    const [fields, rows, bytes, command] = [this.#fields, this.#rows, this.#bytes, this.#command];
    this.#settle.resolve({ kind: "done", fields, rows, bytes, command });
  }
  handleError(thrown: unknown, connection?: pg.Connection): void {
    if (!(thrown instanceof pg.DatabaseError) || thrown.severity === "FATAL") return this.#settle.reject(thrown);
    if (connection !== undefined) this.#sync(connection as unknown as Wire);
    this.#settle.resolve({ kind: "refused", error: fromDriver(thrown) });
  }
}

function fromDriver(error: pg.DatabaseError): StatementError {
  const { severity = "ERROR", code = "XX000", message, detail = null, hint = null, position } = error;
  const { internalQuery = null, where = null, schema = null, table = null, column = null } = error;
  const { dataType = null, constraint = null } = error;
  return {
    ...{ severity, code, message, detail, hint, internalQuery, where, schema, table, column, dataType, constraint },
    position: position === undefined ? null : Number(position),
  };
}
