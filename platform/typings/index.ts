/** TypeScript types of a database's schema. Owns what is asked of the catalog and the text; not how a database is reached. */
export { readSchemaFacts, schemaFactsSql } from "./catalog.ts";
export { renderTypes } from "./render.ts";
export type { SchemaFacts } from "./types.ts";
