import java.sql.*;
import java.util.Properties;

/** JDBC as a tenant uses it: batches, server-side prepared statements, a transaction. Arguments: URL, user, password. Prints JSON. */
public class JdbcClient {
  public static void main(String[] args) throws Exception {
    Properties login = new Properties();
    login.setProperty("user", args[1]);
    login.setProperty("password", args[2]);
    login.setProperty("prepareThreshold", "2");
    String table = "jdbc_" + ProcessHandle.current().pid();
    try (Connection connection = DriverManager.getConnection(args[0], login)) {
      connection.setAutoCommit(false);
      try (Statement statement = connection.createStatement()) {
        statement.execute("create table " + table + " (n int, t text)");
      }
      try (PreparedStatement insert = connection.prepareStatement("insert into " + table + " values (?, ?)")) {
        for (int n = 0; n < 500; n++) {
          insert.setInt(1, n);
          insert.setString(2, "é".repeat(n % 5));
          insert.addBatch();
        }
        insert.executeBatch();
      }
      long sum = 0;
      try (PreparedStatement query = connection.prepareStatement("select sum(n) from " + table + " where n < ?")) {
        for (int round = 1; round <= 5; round++) {
          query.setInt(1, round * 100);
          try (ResultSet result = query.executeQuery()) {
            result.next();
            sum = result.getLong(1);
          }
        }
      }
      connection.rollback();
      String user;
      try (Statement statement = connection.createStatement(); ResultSet result = statement.executeQuery("select current_user")) {
        result.next();
        user = result.getString(1);
      }
      System.out.println("{\"sum\":" + sum + ",\"user\":\"" + user + "\"}");
    }
  }
}
