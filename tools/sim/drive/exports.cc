#include "sim/drive/exports.h"

#include <zlib.h>

#include <map>

#include "base/strings.h"
#include "sim/drive/zip_writer.h"
#include "sim/lang/xml_text.h"

namespace driveway::sim {

namespace {

constexpr std::string_view kOffice = "application/vnd.openxmlformats-officedocument.";
constexpr std::string_view kXml = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

using Formats = std::map<std::string, std::vector<std::string>, std::less<>>;

const Formats& all_formats() {
  static const auto* formats = new Formats{
      {cat(mime::kPrefix, "document"),
       {"application/rtf", "application/vnd.oasis.opendocument.text", "text/html",
        "application/pdf", "text/x-markdown", "text/markdown", "application/epub+zip",
        "application/zip", cat(kOffice, "wordprocessingml.document"), "text/plain"}},
      {cat(mime::kPrefix, "spreadsheet"),
       {"application/x-vnd.oasis.opendocument.spreadsheet", "text/tab-separated-values",
        "application/pdf", cat(kOffice, "spreadsheetml.sheet"), "text/csv", "application/zip",
        "application/vnd.oasis.opendocument.spreadsheet"}},
      {cat(mime::kPrefix, "presentation"),
       {"application/vnd.oasis.opendocument.presentation", "application/pdf",
        cat(kOffice, "presentationml.presentation"), "text/plain"}},
      {cat(mime::kPrefix, "drawing"),
       {"image/svg+xml", "image/png", "application/pdf", "image/jpeg"}},
      {cat(mime::kPrefix, "script"), {cat(mime::kPrefix, "script+json")}},
      {cat(mime::kPrefix, "jam"), {"application/pdf"}},
      {cat(mime::kPrefix, "form"), {"application/zip"}},
  };
  return *formats;
}

std::string html(std::string_view title, std::string_view text) {
  std::string body = cat("<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>",
                         escape_xml(title), "</title></head><body>");
  for (const std::string_view line : split(text, '\n'))
    body += cat("<p>", escape_xml(line), "</p>");
  return body + "</body></html>";
}

// One page, one line of text a line; characters outside of ASCII become "?".
std::string pdf(std::string_view text) {
  std::string stream = "BT /F1 11 Tf 50 780 Td 14 TL\n";
  for (const std::string_view line : split(text, '\n')) {
    stream += '(';
    for (const char c : line) {
      if (c == '(' || c == ')' || c == '\\') stream += '\\';
      stream +=
          static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
    }
    stream += ") Tj T*\n";
  }
  stream += "ET";
  const std::string page =
      cat("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R ",
          "/Resources << /Font << /F1 5 0 R >> >> >>");
  const std::string objects[] = {
      "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page,
      cat("<< /Length ", stream.size(), " >>\nstream\n", stream, "\nendstream"),
      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"};
  std::string out = "%PDF-1.4\n";
  std::string table = "xref\n0 6\n0000000000 65535 f \n";
  int number = 0;
  for (const std::string& object : objects) {
    const std::string offset = cat(out.size());
    table += cat(std::string(10 - offset.size(), '0'), offset, " 00000 n \n");
    out += cat(++number, " 0 obj\n", object, "\nendobj\n");
  }
  const std::size_t start = out.size();
  return out + table + cat("trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n", start, "\n%%EOF\n");
}

std::string rtf(std::string_view text) {
  std::string out = "{\\rtf1\\ansi ";
  for (const char c : text) {
    if (c == '\\' || c == '{' || c == '}') out += '\\';
    if (c == '\n') {
      out += "\\par\n";
    } else if (static_cast<unsigned char>(c) < 0x80) {
      out += c;
    } else {
      out += cat("\\'", hex(std::string_view(&c, 1)));
    }
  }
  return out + "}";
}

std::string relationship(std::string_view kind, std::string_view target) {
  return cat(kXml,
             "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/"
             "relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats."
             "org/officeDocument/2006/relationships/",
             kind, "\" Target=\"", target, "\"/></Relationships>");
}

std::string content_types(std::string_view overrides) {
  return cat(kXml,
             "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
             "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package"
             ".relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/>",
             overrides, "</Types>");
}

std::string override_type(std::string_view part, std::string_view type) {
  return cat("<Override PartName=\"", part, "\" ContentType=\"", kOffice, type, "+xml\"/>");
}

std::string docx(std::string_view text, ZipWriter zip) {
  std::string body;
  for (const std::string_view line : split(text, '\n')) {
    body += cat("<w:p><w:r><w:t xml:space=\"preserve\">", escape_xml(line), "</w:t></w:r></w:p>");
  }
  zip.add("[Content_Types].xml",
          content_types(override_type("/word/document.xml", "wordprocessingml.document.main")));
  zip.add("_rels/.rels", relationship("officeDocument", "word/document.xml"));
  zip.add("word/document.xml",
          cat(kXml,
              "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/"
              "main\"><w:body>",
              body, "</w:body></w:document>"));
  return zip.finish();
}

std::string xlsx(std::string_view text, ZipWriter zip) {
  std::string rows;
  int row = 0;
  for (const std::string_view line : split(text, '\n')) {
    rows += cat("<row r=\"", ++row, "\">");
    for (const std::string_view cell : split(line, ',')) {
      rows += cat("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">", escape_xml(cell),
                  "</t></is></c>");
    }
    rows += "</row>";
  }
  constexpr std::string_view kMain = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
  zip.add("[Content_Types].xml",
          content_types(override_type("/xl/workbook.xml", "spreadsheetml.sheet.main") +
                        override_type("/xl/worksheets/sheet1.xml", "spreadsheetml.worksheet")));
  zip.add("_rels/.rels", relationship("officeDocument", "xl/workbook.xml"));
  zip.add("xl/_rels/workbook.xml.rels", relationship("worksheet", "worksheets/sheet1.xml"));
  zip.add("xl/workbook.xml",
          cat(kXml, "<workbook xmlns=\"", kMain,
              "\" xmlns:r=\"http://schemas.openxmlformats.org/"
              "officeDocument/2006/relationships\"><sheets><sheet name=\"Sheet1\" "
              "sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"));
  zip.add("xl/worksheets/sheet1.xml", cat(kXml, "<worksheet xmlns=\"", kMain, "\"><sheetData>",
                                          rows, "</sheetData></worksheet>"));
  return zip.finish();
}

std::string pptx(std::string_view title, ZipWriter zip) {
  zip.add("[Content_Types].xml", content_types(override_type("/ppt/presentation.xml",
                                                             "presentationml.presentation.main")));
  zip.add("_rels/.rels", relationship("officeDocument", "ppt/presentation.xml"));
  zip.add("ppt/presentation.xml",
          cat(kXml,
              "<p:presentation xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/"
              "main\"><!-- ",
              escape_xml(title),
              " --><p:sldSz cx=\"9144000\" cy=\"6858000\"/>"
              "<p:notesSz cx=\"6858000\" cy=\"9144000\"/></p:presentation>"));
  return zip.finish();
}

std::string open_document(std::string_view kind, std::string_view type, std::string_view text,
                          ZipWriter zip) {
  std::string body;
  for (const std::string_view line : split(text, '\n')) {
    body += cat("<text:p>", escape_xml(line), "</text:p>");
  }
  if (kind == "spreadsheet") {
    body = cat("<table:table table:name=\"Sheet1\"><table:table-row><table:table-cell>", body,
               "</table:table-cell></table:table-row></table:table>");
  } else if (kind == "presentation") {
    body = cat("<draw:page draw:name=\"page1\"><draw:frame><draw:text-box>", body,
               "</draw:text-box></draw:frame></draw:page>");
  }
  constexpr std::string_view kNames = "urn:oasis:names:tc:opendocument:xmlns:";
  zip.add("mimetype", type);  // first and stored, as the format wants it
  zip.add("META-INF/manifest.xml",
          cat(kXml, "<manifest:manifest xmlns:manifest=\"", kNames,
              "manifest:1.0\">"
              "<manifest:file-entry manifest:full-path=\"/\" manifest:media-type=\"",
              type,
              "\"/><manifest:file-entry manifest:full-path=\"content.xml\" "
              "manifest:media-type=\"text/xml\"/></manifest:manifest>"));
  zip.add(
      "content.xml",
      cat(kXml, "<office:document-content xmlns:office=\"", kNames, "office:1.0\" xmlns:text=\"",
          kNames, "text:1.0\" xmlns:table=\"", kNames, "table:1.0\" xmlns:draw=\"", kNames,
          "drawing:1.0\" office:version=\"1.2\"><office:body><office:", kind, ">", body,
          "</office:", kind, "></office:body></office:document-content>"));
  return zip.finish();
}

std::string epub(std::string_view title, std::string_view text, ZipWriter zip) {
  zip.add("mimetype", "application/epub+zip");
  zip.add("META-INF/container.xml",
          cat(kXml,
              "<container version=\"1.0\" xmlns=\"urn:oasis:names:tc:opendocument:xmlns:"
              "container\"><rootfiles><rootfile full-path=\"book.opf\" media-type="
              "\"application/oebps-package+xml\"/></rootfiles></container>"));
  zip.add("book.opf",
          cat(kXml,
              "<package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" "
              "unique-identifier=\"id\"><metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">"
              "<dc:identifier id=\"id\">doc</dc:identifier><dc:title>",
              escape_xml(title),
              "</dc:title><dc:language>en</dc:language></metadata><manifest><item id=\"t\" "
              "href=\"text.xhtml\" media-type=\"application/xhtml+xml\"/></manifest><spine>"
              "<itemref idref=\"t\"/></spine></package>"));
  zip.add("text.xhtml", html(title, text));
  return zip.finish();
}

void put_be32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xff);
}

void png_chunk(std::string& out, std::string_view type_and_data) {
  put_be32(out, static_cast<std::uint32_t>(type_and_data.size() - 4));
  out += type_and_data;
  put_be32(out,
           static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(type_and_data.data()),
                                            static_cast<uInt>(type_and_data.size()))));
}

// One grey pixel.
std::string png() {
  std::string header = "IHDR";
  put_be32(header, 1);
  put_be32(header, 1);
  header += std::string("\x08\x00\x00\x00\x00", 5);  // 8 bits, grey
  const std::string row("\x00\x80", 2);
  std::string packed(64, '\0');
  uLongf length = packed.size();
  compress2(reinterpret_cast<Bytef*>(packed.data()), &length,
            reinterpret_cast<const Bytef*>(row.data()), row.size(), 9);
  packed.resize(length);
  std::string out = "\x89PNG\r\n\x1a\n";
  png_chunk(out, header);
  png_chunk(out, "IDAT" + packed);
  png_chunk(out, "IEND");
  return out;
}

// One grey pixel: baseline, one component, tables with one code each.
std::string jpeg() {
  std::string out("\xff\xd8\xff\xdb\x00\x43\x00", 7);
  out += std::string(64, '\x01');                                                  // quantisation
  out += std::string("\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00", 13);  // frame
  for (const char table : {'\x00', '\x10'}) {                                      // DC, AC
    out += std::string("\xff\xc4\x00\x14", 4) + table + '\x01' + std::string(15, '\0') + '\0';
  }
  out += std::string("\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x3f\xff\xd9", 13);  // scan, end
  return out;
}

std::string svg(std::string_view text) {
  return cat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"480\"><text x=\"20\" "
      "y=\"40\">",
      escape_xml(text), "</text></svg>");
}

std::string tabs_for_commas(std::string text) {
  for (char& c : text) {
    if (c == ',') c = '\t';
  }
  return text;
}

}  // namespace

const std::vector<std::string>& export_formats(std::string_view doc_mime) {
  static const std::vector<std::string> none;
  const auto found = all_formats().find(doc_mime);
  return found == all_formats().end() ? none : found->second;
}

const std::vector<std::string>& exportable_types() {
  static const auto* types = [] {
    auto* names = new std::vector<std::string>();
    for (const auto& [name, formats] : all_formats()) names->push_back(name);
    return names;
  }();
  return *types;
}

const std::vector<std::pair<std::string, std::string>>& import_formats() {
  static const auto* formats = new std::vector<std::pair<std::string, std::string>>{
      {"text/plain", cat(mime::kPrefix, "document")},
      {"text/html", cat(mime::kPrefix, "document")},
      {"application/rtf", cat(mime::kPrefix, "document")},
      {cat(kOffice, "wordprocessingml.document"), cat(mime::kPrefix, "document")},
      {"text/csv", cat(mime::kPrefix, "spreadsheet")},
      {cat(kOffice, "spreadsheetml.sheet"), cat(mime::kPrefix, "spreadsheet")},
      {cat(kOffice, "presentationml.presentation"), cat(mime::kPrefix, "presentation")}};
  return *formats;
}

std::string export_document(std::string_view doc_mime, std::string_view title,
                            std::string_view text, std::string_view target_mime, Ms now) {
  const ZipWriter zip(now / 1000);
  if (target_mime == "application/pdf") return pdf(text);
  if (target_mime == "application/rtf") return rtf(text);
  if (target_mime == "text/html") return html(title, text);
  if (target_mime == "text/tab-separated-values") return tabs_for_commas(std::string(text));
  if (target_mime == "application/epub+zip") return epub(title, text, zip);
  if (target_mime == "image/svg+xml") return svg(text);
  if (target_mime == "image/png") return png();
  if (target_mime == "image/jpeg") return jpeg();
  if (target_mime.ends_with("wordprocessingml.document")) return docx(text, zip);
  if (target_mime.ends_with("spreadsheetml.sheet")) return xlsx(text, zip);
  if (target_mime.ends_with("presentationml.presentation")) return pptx(title, zip);
  if (const auto at = target_mime.find("vnd.oasis.opendocument."); at != std::string_view::npos) {
    const std::string_view kind = target_mime.substr(target_mime.rfind('.') + 1);
    return open_document(kind, cat("application/", "vnd.oasis.opendocument.", kind), text, zip);
  }
  if (target_mime == "application/zip") {
    ZipWriter archive(now / 1000);
    archive.add(cat(title, ".html"), html(title, text));
    return archive.finish();
  }
  if (target_mime.ends_with("script+json")) {
    return cat("{\"files\":[{\"name\":\"Code\",\"type\":\"server_js\",\"id\":\"",
               base64url(doc_mime).substr(0, 8), "\"}]}");
  }
  return std::string(text);  // text/plain, markdown, csv
}

}  // namespace driveway::sim
