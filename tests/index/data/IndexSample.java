import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.NanoTime;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

/**
 * Writes a file as Common Crawl's converter did: some columns of its index, GZIP pages, and keys that are not ASCII,
 * to see what the writer's statistics make of them. README.md beside this file says how it is run.
 */
public class IndexSample {
  /** parquet-mr looks at the size of a row group after so many rows; any smaller block is ended then. */
  static final int ROWS_PER_GROUP = 100;
  static final String SCHEMA =
      "message spark_schema {"
          + " required binary url_surtkey (UTF8);"
          + " optional int32 url_port;"
          + " required int96 fetch_time;"
          + " required int64 fetch_time_millis (TIMESTAMP_MILLIS);"
          + " required int32 fetch_status (INT_16);"
          + " optional binary content_mime_type (UTF8);"
          + " required int32 warc_record_offset; }";
  static final String[] ASCII = {"com,example)/", "com,example:8080)/", "de,beispiel)/", "org,commoncrawl)/blog"};
  static final String[] MIXED = {"com,example)/caf\u00e9", "com,exampl\u00e9)/", "de,m\u00fcnchen)/", "de,munchen)/"};
  static final String[] FOREIGN = {"\u65e5\u672c,\u4f8b)/", "\u044f\u0440,\u0441)/", "\u00e9t\u00e9)/", "\ud83d\ude00)/"};

  public static void main(String[] arguments) throws IOException {
    MessageType schema = MessageTypeParser.parseMessageType(SCHEMA);
    List<String> keys = new ArrayList<>();
    keys.addAll(group(ASCII, "com,example)/"));
    keys.addAll(group(MIXED, "de,zz)/"));
    keys.addAll(group(FOREIGN, "")); // the empty key comes before all others in any order
    keys.addAll(group(MIXED, "org,long)/" + String.join("", Collections.nCopies(4200, "x"))));
    try (ParquetWriter<Group> writer =
        ExampleParquetWriter.builder(new Path(arguments[0]))
            .withType(schema)
            .withCompressionCodec(CompressionCodecName.GZIP)
            .withRowGroupSize(1024)
            .withDictionaryEncoding(true)
            .build()) {
      for (int row = 0; row < keys.size(); row++) {
        writer.write(row(schema, keys.get(row), row));
      }
    }
  }

  /** One row group's keys: those of each name in their order, one after the other from each, and one of its own. */
  static List<String> group(String[] names, String own) {
    List<String> keys = new ArrayList<>(Arrays.asList(own));
    for (int number = 0; keys.size() < ROWS_PER_GROUP; number++) {
      keys.add(names[number % names.length] + (char) ('a' + number / names.length));
    }
    return keys;
  }

  static Group row(MessageType schema, String key, int number) {
    Group row = new SimpleGroup(schema);
    row.add("url_surtkey", Binary.fromConstantByteArray(key.getBytes(StandardCharsets.UTF_8)));
    if (number % 3 == 0) {
      row.add("url_port", 8000 + number);
    }
    row.add("fetch_time", new NanoTime(2458137, number * 1_000_000_000L)); // from 2018-01-18 on, a second apart
    row.add("fetch_time_millis", 1_516_233_600_000L + number * 1000);
    row.add("fetch_status", number % 10 == 0 ? 404 : 200);
    if (number % 4 != 0) {
      row.add("content_mime_type", number % 2 == 0 ? "text/html" : "application/pdf");
    }
    row.add("warc_record_offset", number * 1000);
    return row;
  }
}
