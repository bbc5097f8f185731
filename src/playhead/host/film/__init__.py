"""Films of a screen: pictures on a canvas of one size, written as a video, a GIF or a folder of files."""
