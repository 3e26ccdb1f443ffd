export { forgetSqlHistory, listSqlHistory, noteSql, type SqlNote, type SqlRan } from "./history.ts";
export {
  changeSqlQuery,
  deleteSqlQuery,
  findSqlQuery,
  insertSqlQuery,
  listSqlQueries,
  type NewSqlQuery,
  type SqlQuery,
} from "./queries.ts";
