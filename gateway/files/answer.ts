import type { ServerResponse } from "node:http";

/** What we say ourselves, in the form that S3 has: clients read `Code`. */
export type Refused = { readonly status: number; readonly code: string; readonly message: string };

const statuses: Readonly<Record<string, number>> = {
  ...{
    AuthorizationHeaderMalformed: 400,
    MissingSecurityHeader: 400,
    InvalidURI: 400,
    EntityTooLarge: 400,
    MalformedXML: 400,
  },
  ...{ MethodNotAllowed: 405, MissingContentLength: 411, NoSuchBucket: 404, NotImplemented: 501, SlowDown: 503 },
  ...{ ServiceUnavailable: 503, InternalError: 500, IncompleteBody: 400 },
};

export const refused = (code: string, message: string): Refused => ({ status: statuses[code] ?? 403, code, message });

/** One answer to all who may not know more: whether the bucket is there does not show. */
export const accessDenied = refused("AccessDenied", "Access denied");

/** Who is refused in the middle of sending hears why only if what comes still is taken, and thrown away, for a while. */
const lingerMs = 10_000;

export function sayRefused(response: ServerResponse, { status, code, message }: Refused, silent: boolean): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`;
  response.writeHead(status, {
    ...{ "content-type": "application/xml", "content-length": Buffer.byteLength(text), "cache-control": "no-store" },
    ...{ "x-content-type-options": "nosniff" },
  });
  response.end(silent ? undefined : text);
  const { req: request } = response;
  if (request.complete) return;
  const cut = setTimeout(() => request.destroy(), lingerMs);
  request.once("close", () => clearTimeout(cut)).resume();
}

const escaped = (text: string): string => text.replace(/[<>&"]/g, (one) => `&#${one.charCodeAt(0)};`);
