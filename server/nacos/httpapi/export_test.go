package httpapi

// NoteAsserted is for tests outside of the package: see TestMain.
var NoteAsserted = noteAsserted
