import { flagAt, listAt, type Node, nodeAt, textAt, unwrap } from "./tree.ts";

export type Forbidden = { readonly message: string; readonly hint: string };

const no = (message: string, hint: string): Forbidden => ({ message, hint });

const declared =
  "Roles, their passwords and their rights to whole databases are declared: `roles` in the database's file.";
const platforms = "That belongs to the platform: the database's file says how it is set up.";
const clients =
  "A migration is a text of SQL alone: insert the rows, or load them with `nebula db import` or a client.";

/** By the grammar's name of the statement: what is the declaration's, the platform's, or a client's. */
const never: Readonly<Record<string, Forbidden>> = {
  CreateRoleStmt: no("creates a role", declared),
  AlterRoleStmt: no("changes a role", declared),
  AlterRoleSetStmt: no("sets a role's settings", declared),
  DropRoleStmt: no("drops a role", declared),
  GrantRoleStmt: no("makes a role a member of another", declared),
  ReassignOwnedStmt: no("gives away everything that a role owns", declared),
  DropOwnedStmt: no("drops everything that a role owns", declared),
  CreatedbStmt: no("creates a database", platforms),
  DropdbStmt: no("drops a database", platforms),
  AlterDatabaseStmt: no("changes the database itself", platforms),
  AlterDatabaseSetStmt: no("sets the database's settings", platforms),
  AlterDatabaseRefreshCollStmt: no("changes the database itself", platforms),
  AlterSystemStmt: no("sets the server's settings", platforms),
  CreateTableSpaceStmt: no("creates a tablespace", platforms),
  DropTableSpaceStmt: no("drops a tablespace", platforms),
  CreateSubscriptionStmt: no("subscribes to another server", platforms),
  AlterSubscriptionStmt: no("subscribes to another server", platforms),
  CreateEventTrigStmt: no("creates an event trigger, which takes a superuser", platforms),
  CreatePLangStmt: no("creates a language, which takes a superuser", platforms),
  LoadStmt: no("loads a library into the server", platforms),
  CheckPointStmt: no("makes a checkpoint", platforms),
  CopyStmt: no("copies from or to a file or a client", clients),
  ListenStmt: no("listens, and nobody hears it", clients),
  UnlistenStmt: no("listens, and nobody hears it", clients),
  DiscardStmt: no("throws the session's state away", clients),
};

/** What Postgres refuses inside a transaction. */
function needsNoTransaction(type: string, node: Node): string | undefined {
  if ((type === "IndexStmt" || type === "DropStmt") && flagAt(node, "concurrent")) return "works concurrently";
  if (type === "VacuumStmt" && flagAt(node, "is_vacuumcmd")) return "vacuums";
  if (type === "ReindexStmt" && hasOption(node, "params", "concurrently")) return "works concurrently";
  return undefined;
}

/** What may be begun again after it broke off: the rest needs the all or nothing of a transaction. */
function isRepeatable(type: string, node: Node): boolean {
  if (type === "IndexStmt") return flagAt(node, "concurrent") && textAt(node, "idxname") !== undefined;
  if (type === "DropStmt") return flagAt(node, "concurrent");
  return ["VacuumStmt", "ReindexStmt", "VariableSetStmt", "RefreshMatViewStmt"].includes(type);
}

const hasOption = (node: Node, list: string, name: string): boolean =>
  listAt(node, list).some((one) => textAt(one, "DefElem", "defname") === name);

/** Why a migration cannot have a statement; undefined when it can. */
export function forbiddenIn(
  { type, node }: { readonly type: string; readonly node: Node },
  transactional: boolean,
): Forbidden | undefined {
  const known = never[type];
  if (known !== undefined) return { ...known, message: `this ${known.message}` };
  if (type === "TransactionStmt")
    return no(
      "this begins or ends a transaction",
      "A file runs in one transaction of its own. Split it into two files where it must be two.",
    );
  const set = type === "VariableSetStmt" ? (textAt(node, "name") ?? "") : "";
  if (set === "role" || set === "session_authorization")
    return no("this becomes another role", "A migration runs as the database's owner.");
  if (/^(nebula|transaction_read_only|default_transaction|session_replication_role)/.test(set) || set === "TRANSACTION")
    return no(
      `this sets ${set === "TRANSACTION" ? "how the transaction works" : set}`,
      "A migration runs in a transaction of the platform's.",
    );
  if (type === "CreateExtensionStmt" && !flagAt(node, "if_not_exists"))
    return no(
      "this creates an extension",
      "Declare it: `extensions` in the database's file. `if not exists` may stand here all the same.",
    );
  if (type === "DropStmt" && textAt(node, "removeType") === "OBJECT_EXTENSION")
    return no("this drops an extension", "Take it out of `extensions` in the database's file.");
  if (type === "AlterOwnerStmt" || changesOwner(type, node))
    return no("this gives something to another owner", "What migrations make belongs to the database's owner.");
  const alone = needsNoTransaction(type, node);
  if (transactional && alone !== undefined)
    return no(
      `this ${alone}, which no transaction can`,
      "Put it into a file of its own that begins with: -- nebula: no-transaction",
    );
  if (!transactional && !isRepeatable(type, node))
    return no(
      "this cannot be begun again where it broke off",
      "A file without a transaction holds: create index concurrently (with a name), drop index concurrently, reindex, vacuum, refresh materialized view, set.",
    );
  return undefined;
}

const changesOwner = (type: string, node: Node): boolean =>
  type === "AlterTableStmt" &&
  listAt(node, "cmds").some(
    (cmd) => textAt(unwrap(cmd).node, "subtype") === "AT_ChangeOwner" && nodeAt(cmd) !== undefined,
  );
