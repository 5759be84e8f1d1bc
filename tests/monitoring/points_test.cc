#include "monitoring/points.h"

#include <gtest/gtest.h>

#include <cmath>

namespace corun::monitoring {
namespace {

TEST(Bucket, GathersOnAGrid) {
  Bucket bucket(1);
  EXPECT_FALSE(bucket.open());
  EXPECT_FALSE(bucket.add(10.2, 4));
  EXPECT_FALSE(bucket.add(10.9, 8));
  EXPECT_EQ(bucket.add(11.0, 1), (Point{10, 4, 6, 8}));
  EXPECT_EQ(bucket.open(), (Point{11, 1, 1, 1}));
}

TEST(ThinOut, FewPointsStayAsTheyAre) {
  const std::vector<Point> points{point_of(1, 1), point_of(2, 2), point_of(9, 9)};
  EXPECT_EQ(thin_out(points, 1, 9, 10), (std::vector<Point>{points[0], points[1]}));
}

TEST(ThinOut, StepsKeepExtremesAndMeans) {
  std::vector<Point> points;
  for (int i = 0; i < 100; ++i) points.push_back(point_of(i, i % 10));
  const auto thin = thin_out(points, 0, 100, 10);
  ASSERT_EQ(thin.size(), 10U);
  for (size_t i = 0; i < thin.size(); ++i) {
    EXPECT_EQ(thin[i], (Point{static_cast<double>(i) * 10 + 5, 0, 4.5, 9}));
  }
}

TEST(ThinOut, AGapStaysAGap) {
  std::vector<Point> points;
  for (int i = 0; i < 100; ++i) {
    if (i < 30 || i >= 70) points.push_back(point_of(i, 1));
  }
  const auto thin = thin_out(points, 0, 100, 10);
  ASSERT_EQ(thin.size(), 6U);
  EXPECT_EQ(thin[2].t, 25);
  EXPECT_EQ(thin[3].t, 75);
}

TEST(PointsCodec, ValuesKeepThreeDigitsAndTimesMilliseconds) {
  std::vector<Point> points;
  for (int i = 0; i < 360; ++i) {
    const double value = 300 + 100 * std::sin(i);
    points.push_back({1.8e9 + i * 60, value - 5, value, value + 7});
  }
  const auto back = decode_points(encode_points(points, false));
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT_NEAR((*back)[i].t, points[i].t, 1e-3);
    EXPECT_NEAR((*back)[i].mean, points[i].mean, 0.0003 * points[i].mean);
    EXPECT_NEAR((*back)[i].max, points[i].max, 0.0003 * points[i].max);
  }
}

TEST(PointsCodec, ACounterKeepsItsRise) {
  std::vector<Point> points;
  for (int i = 0; i < 360; ++i) points.push_back(point_of(1.8e9 + i, 5e9 + 400.25 * i));
  const auto back = decode_points(encode_points(points, true));
  ASSERT_TRUE(back);
  EXPECT_NEAR(back->back().mean, points.back().mean, 0.02);
}

TEST(PointsCodec, DamageIsNoticed) {
  const std::string blob = encode_points(std::vector<Point>{point_of(1, 1)}, false);
  EXPECT_FALSE(decode_points(""));
  EXPECT_FALSE(decode_points("no chunk"));
  EXPECT_FALSE(decode_points(std::string_view(blob).substr(0, blob.size() - 4)));
  EXPECT_EQ(decode_points(encode_points({}, false))->size(), 0U);
}

}  // namespace
}  // namespace corun::monitoring
