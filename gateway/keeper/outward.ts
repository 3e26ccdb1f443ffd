import { instanceNotRunnable } from "../../platform/compute/index.ts";
import { NebulaError } from "../../platform/core/index.ts";

/**
 * A fault as a client may read it. What the gateway refuses is worded for who asked (its own codes, NEB7xx, below 500), and so is that
 * somebody paused or retired the database; of everything else only the title leaves: the text may name sockets, folders and what a
 * server said, and is for the log.
 */
export function outward(fault: NebulaError): NebulaError {
  const { code, status, title, retry, hint, fields, message } = fault;
  const isMeant = code === instanceNotRunnable.definition.code && fields.intent !== undefined;
  const isWorded = isMeant || (/^NEB7\d\d$/.test(code) && status < 500);
  return new NebulaError({ code: code as `NEB${number}`, status, title, retry, hint }, isWorded ? message : title, {
    fields,
  });
}
