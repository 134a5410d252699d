use futures::FutureExt;
use kecs_core::LogSource;
use kecs_model::Timestamp;

use super::{LineSplitter, LogReader, LogWriter, numbers};

fn lines(reader: &mut LogReader) -> Vec<String> {
    let batch = reader.batch().unwrap();
    batch.iter().map(|line| String::from_utf8(line.line.to_vec()).unwrap()).collect()
}

#[test]
fn a_reader_goes_on_where_it_was_across_a_change_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path().join("web"), 1).unwrap();
    let mut reader = LogReader::new(folder.path().join("web"));
    let at = Timestamp::from_millis(1);

    writer.append(LogSource::Stdout, at, [b"one".as_slice()]).unwrap();
    assert_eq!(lines(&mut reader), ["one"]);
    assert!(lines(&mut reader).is_empty());
    writer.append(LogSource::Stdout, at, [b"two".as_slice()]).unwrap();
    writer.append(LogSource::Stdout, at, [b"three".as_slice()]).unwrap();
    assert_eq!(lines(&mut reader), ["two", "three"]);
}

#[test]
fn only_the_last_two_files_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path().to_owned(), 1).unwrap();
    for line in [b"1", b"2", b"3", b"4"] {
        writer.append(LogSource::Stderr, Timestamp::from_millis(1), [line.as_slice()]).unwrap();
    }
    assert_eq!(numbers(folder.path()).unwrap(), [3, 4]);
    assert_eq!(lines(&mut LogReader::new(folder.path().to_owned())), ["3", "4"]);
}

#[test]
fn a_reader_that_is_left_behind_goes_on_with_what_is_left_and_knows_how_much_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path().to_owned(), 1).unwrap();
    let mut append = |line: &str| writer.append(LogSource::Stdout, Timestamp::from_millis(1), [line.as_bytes()]).unwrap();
    let mut reader = LogReader::new(folder.path().to_owned());
    ["1", "2", "3"].into_iter().for_each(&mut append);
    assert_eq!(lines(&mut reader), ["2", "3"]);
    assert_eq!(reader.missed(), 0, "nobody knows who has read what was there before");
    ["4", "5", "6", "7"].into_iter().for_each(&mut append);
    assert_eq!((lines(&mut reader), reader.missed()), (vec!["6".to_owned(), "7".to_owned()], 2));
    assert_eq!(reader.missed(), 0, "it is told once");
}

#[tokio::test]
async fn a_file_that_somebody_has_to_read_is_waited_for_and_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path().to_owned(), 1).unwrap();
    let append = |writer: &mut LogWriter, line: &str| {
        writer.append(LogSource::Stdout, Timestamp::from_millis(1), [line.as_bytes()]).unwrap();
    };
    let (first, second) = (writer.holds().hold(), writer.holds().hold());
    append(&mut writer, "1");
    assert!(writer.in_the_way().is_none(), "a second file removes none");
    append(&mut writer, "2");
    let mut wait = Box::pin(writer.in_the_way().expect("a third would remove the first"));
    first.reads(2);
    assert!(wait.as_mut().now_or_never().is_none(), "the other one has not read it");
    // As at the end of a container, whose last lines do not wait.
    append(&mut writer, "3");
    assert_eq!(numbers(folder.path()).unwrap(), [1, 2]);
    second.reads(2);
    wait.await;
    assert!(writer.in_the_way().is_none());
    append(&mut writer, "4");
    assert_eq!(numbers(folder.path()).unwrap(), [2, 3]);
    drop((first, second));
    assert!(writer.in_the_way().is_none(), "nobody waits for those who are gone");
    assert_eq!(lines(&mut LogReader::new(folder.path().to_owned())), ["2", "3", "4"]);
}

#[test]
fn the_time_and_the_stream_of_a_line_are_kept_and_its_bytes_are_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = LogWriter::open(folder.path().to_owned(), 100).unwrap();
    let odd = [0xff, b' ', 0, b' ', b'e'];
    writer.append(LogSource::Stderr, Timestamp::from_millis(1_700_000_000_123), [odd.as_slice()]).unwrap();
    let line = LogReader::new(folder.path().to_owned()).batch().unwrap().remove(0);
    assert_eq!((line.at.as_millis(), line.stream, &line.line[..]), (1_700_000_000_123, LogSource::Stderr, odd.as_slice()));
}

#[test]
fn lines_are_whole_however_the_pipe_cuts_them() {
    let mut splitter = LineSplitter::default();
    assert!(splitter.push(b"ab").is_empty());
    assert_eq!(splitter.push(b"c\n\nd"), [b"abc".to_vec(), Vec::new()]);
    assert_eq!(splitter.finish(), Some(b"d".to_vec()));
    assert_eq!(splitter.finish(), None);
}

#[test]
fn a_line_without_end_is_cut_at_16_kib() {
    let mut splitter = LineSplitter::default();
    let pieces = splitter.push(&vec![b'x'; 40_000]);
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [16_384, 16_384]);
    assert_eq!(splitter.finish().map(|rest| rest.len()), Some(40_000 - 2 * 16_384));
}

#[test]
fn a_line_is_not_cut_in_the_middle_of_a_character() {
    let text = "\u{2603}".repeat(10_000);
    let mut splitter = LineSplitter::default();
    let mut pieces: Vec<Vec<u8>> = text.as_bytes().chunks(1000).flat_map(|piece| splitter.push(piece)).collect();
    pieces.extend(splitter.finish());
    // 16,384 is no multiple of the three bytes of a snowman.
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [16_383, 13_617]);
    assert!(pieces.iter().all(|piece| std::str::from_utf8(piece).is_ok()));

    // What is no character anywhere is cut at the bound.
    let pieces = LineSplitter::default().push(&vec![0xe2; 20_000]);
    assert!(pieces.iter().all(|piece| piece.len() > 16_380), "{:?}", pieces.iter().map(Vec::len).collect::<Vec<_>>());
}
