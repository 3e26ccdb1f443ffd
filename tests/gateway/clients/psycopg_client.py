"""psycopg 3 as a tenant uses it. Arguments: connection string as JSON keywords. Prints JSON."""
import json, sys
import psycopg

target = json.loads(sys.argv[1])
pooled = target.pop("pooled")
with psycopg.connect(**target, prepare_threshold=None if pooled else 1) as connection:
    said = {"tls": connection.pgconn.ssl_in_use, "user": connection.info.user}
    with connection.cursor() as cursor:
        cursor.execute("create temp table if not exists seen (n int, t text)" if not pooled else "create table if not exists psycopg_seen (n int, t text)")
        table = "psycopg_seen" if pooled else "seen"
        with cursor.copy(f"copy {table} from stdin") as copy:
            for n in range(1000):
                copy.write_row((n, "é" * (n % 7)))
        for _ in range(4):
            cursor.execute(f"select count(*), max(n) from {table} where n < %s", (500,))
            said["count"], said["max"] = cursor.fetchone()
    connection.commit()
    if pooled:
        connection.execute("drop table psycopg_seen")
print(json.dumps(said))
